// How many requests are lost while instances come and go, behind each balancer of ours and beside
// PM2, on the same application.
import { runClosed } from '../src/lab/load/closed.ts'
import type { Totals } from '../src/lab/load/tally.ts'
import { MIN_INSTANCES, type ScaleEvent, scaleEventRow } from './events.ts'
import { type BenchDocument, type BenchOptions, type Row, ratioOf } from './report.ts'
import { type PlimsollBalancer, plimsollSide } from './sides/plimsoll.ts'
import { installPm2, pm2Side } from './sides/pm2.ts'
import { type Drain, type Side, until } from './sides/side.ts'

const EVENTS = 200
const REQUESTS = 100_000
const IN_FLIGHT = 40
const MIX = { faultRatio: 0.01, postRatio: 0.5 }
/** Each drain twice, so that every round is a pair and the halves are interleaved. */
const ROUNDS: readonly Drain[] = ['none', 'recommended', 'none', 'recommended']

/** One row each. */
const BALANCERS: readonly PlimsollBalancer[] = ['builtin', 'nginx']

type SideName = PlimsollBalancer | 'pm2'

const SIDES: readonly SideName[] = [...BALANCERS, 'pm2']

/** One side in one round. */
interface Lap {
  readonly side: SideName
  readonly round: number
  readonly drain: Drain
  readonly events: number
  readonly seconds: number
  readonly totals: Totals
}

/** Runs the same events under the same load on both sides, in interleaved pairs. */
export async function scaleEvents(options: BenchOptions): Promise<BenchDocument> {
  const { seed, share, only, progress } = options
  const pm2 = only === undefined || only === 'pm2' ? await installPm2(progress) : undefined
  const sides: Record<SideName, (drain: Drain) => Promise<Side>> = {
    builtin: (drain) => plimsollSide(drain, 'builtin'),
    nginx: (drain) => plimsollSide(drain, 'nginx'),
    pm2: (drain) => pm2Side(pm2?.command ?? '', drain),
  }
  const laps: Lap[] = []
  for (const [round, drain] of ROUNDS.entries()) {
    const row = scaleEventRow(Math.ceil((EVENTS * share) / ROUNDS.length), seed + round)
    const perEvent = Math.ceil((REQUESTS * share) / ROUNDS.length / row.length)
    for (const side of round % 2 === 0 ? SIDES : SIDES.toReversed()) {
      if (only !== undefined && only !== side) continue
      const label = `round ${round + 1} of ${ROUNDS.length}, ${side}, drain ${drain}`
      const say = (line: string): void => progress(`${label}: ${line}`)
      const lap = await runLap(await sides[side](drain), { row, perEvent, seed: seed + round, say })
      laps.push({ side, round, drain, ...lap })
    }
  }
  return documentOf(laps, pm2?.version, share)
}

interface Course {
  readonly row: readonly ScaleEvent[]
  /** Requests that end between an event's start and the next one's. */
  readonly perEvent: number
  readonly seed: number
  readonly say: (line: string) => void
}

type LapResult = Pick<Lap, 'events' | 'seconds' | 'totals'>

/** Runs the course on a side and stops the side, whatever happens. */
async function runLap(side: Side, course: Course): Promise<LapResult> {
  let stopped: Promise<void> | undefined
  const stop = (): Promise<void> => {
    // Once only; the lap's own error says more than one of cleaning up after it.
    stopped ??= side.stop().catch((error: unknown) => course.say(`could not stop: ${error}`))
    return stopped
  }
  const onInterrupt = (): void => {
    void stop().then(() => process.exit(130))
  }
  process.once('SIGINT', onInterrupt)
  try {
    return await drive(side, course)
  } finally {
    process.off('SIGINT', onInterrupt)
    await stop()
  }
}

async function drive(side: Side, { row, perEvent, seed, say }: Course): Promise<LapResult> {
  const stop = new AbortController()
  const { url } = await side.start(MIN_INSTANCES)
  try {
    const startMs = performance.now()
    let ended = 0
    const onEnd = (count: number): void => {
      ended = count
    }
    const load = { target: url, inFlight: IN_FLIGHT, seed, signal: stop.signal, onEnd, ...MIX }
    const running = runClosed(load)
    for (const [index, event] of row.entries()) {
      const goal = ended + perEvent
      await carryOut(side, event)
      await until('requests between two events', async () => ended >= goal)
      if ((index + 1) % 10 === 0) say(`${index + 1} of ${row.length} events, ${ended} requests`)
    }
    stop.abort()
    const totals = await running
    const seconds = (performance.now() - startMs) / 1_000
    say(`${lost(totals)} lost of ${totals.requests} requests ${JSON.stringify(totals.reasons)}`)
    return { events: row.length, seconds, totals }
  } finally {
    stop.abort()
  }
}

function carryOut(side: Side, event: ScaleEvent): Promise<void> {
  return event.kind === 'restart' ? side.restart() : side.scale(event.instances)
}

/**
 * Requests that came to nothing though the application was not asked for it; a shed one did too.
 */
function lost(totals: Totals): number {
  return totals.failed + totals.shed
}

function documentOf(
  laps: readonly Lap[],
  version: string | undefined,
  share: number,
): BenchDocument {
  const of = (side: SideName): readonly Lap[] => laps.filter((lap) => lap.side === side)
  const sum = (side: SideName): number | null =>
    of(side).length === 0 ? null : of(side).reduce((total, lap) => total + lost(lap.totals), 0)
  const theirs = sum('pm2')
  const rows = BALANCERS.filter((side) => sum(side) !== null).map((side): Row => {
    const pairs = of(side).flatMap((lap) => {
      const rival = of('pm2').find(({ round }) => round === lap.round)
      return rival ? [{ ours: lost(lap.totals), theirs: lost(rival.totals) }] : []
    })
    return {
      name: side,
      rival: 'PM2 7',
      ours: sum(side),
      theirs,
      unit: 'requests lost',
      better: 'lower',
      ratio: ratioOf(pairs),
    }
  })
  const notes = [
    ...(version === undefined ? [] : [`PM2 ${version}: cluster mode, pm2 scale, pm2 reload`]),
    `all sides: the same application, events and mix, ${IN_FLIGHT} in flight, no retries`,
    'lost: neither 2xx nor 3xx, or a broken connection, that the request did not ask for',
    'drain none: the application has no code for stopping',
    'drain recommended: plimsoll/preload for us, server.close() on SIGINT for PM2',
    ...SIDES.flatMap((side) => notesOf(side, of(side))),
    ...(theirs === 0 ? ['PM2 lost none either, so there is no ratio'] : []),
    ...(share < 1 ? [`a trial with ${share} of the events and requests`] : []),
  ]
  return { bench: 'scale-events', rounds: ROUNDS.length, rows, notes }
}

function notesOf(side: SideName, laps: readonly Lap[]): readonly string[] {
  return (['none', 'recommended'] as const).flatMap((drain) => {
    const half = laps.filter((lap) => lap.drain === drain)
    if (half.length === 0) return []
    const total = (pick: (lap: Lap) => number): number =>
      half.reduce((sum, lap) => sum + pick(lap), 0)
    const reasons = new Map<string, number>()
    for (const { totals } of half) {
      for (const [reason, count] of Object.entries(totals.reasons)) {
        reasons.set(reason, (reasons.get(reason) ?? 0) + count)
      }
    }
    const why = [...reasons].map(([reason, count]) => `${count} ${reason}`).join(', ')
    const figures = [
      `${total((lap) => lost(lap.totals))} lost`,
      `${total(({ totals }) => totals.requests)} requests`,
      `${total(({ events }) => events)} events`,
      `${Math.round(total(({ seconds }) => seconds))} s`,
      `${total(({ totals }) => totals.failedByApplication)} broken by the application when asked`,
    ]
    return [`${side}, drain ${drain}: ${figures.join(', ')}${why === '' ? '' : ` (${why})`}`]
  })
}
