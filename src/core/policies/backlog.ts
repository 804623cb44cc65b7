// The `backlog` policy: as many instances as finish what waits, and what arrives meanwhile, within
// the deadline. An instance that is started now only helps once it has booted.
import {
  type GroupContext,
  instancesOf,
  numberOf,
  type Policy,
  reasonOf,
  round1,
  standsOn,
} from '../context.ts'
import type {
  EpochMs,
  GroupMemory,
  GroupObservation,
  GroupSpec,
  QueueReadings,
  Reading,
  Recommendation,
} from '../model.ts'
import type { QueueSignal } from './model.ts'

/** A boot that nobody has seen yet is taken to last this long. */
const BOOT_MS = 10_000
/** From this long after the last change on, all instances do their share. */
const SETTLED_MS = 5_000
/** A wait of this share of the deadline is short. */
const SHORT_WAIT = 0.1
const NOTHING: readonly Recommendation[] = []

/** One recommendation per queue, and an abstention beside it where a reading is missing. */
export const backlog: Policy = (context: GroupContext) => {
  const { queues } = context.group
  return queues === undefined ? NOTHING : queues.flatMap((queue) => recommend(queue, context))
}

function recommend(signal: QueueSignal, context: GroupContext): readonly Recommendation[] {
  const policy = `backlog.${signal.queue}`
  const blind = (why: string): Recommendation => {
    return { kind: 'abstain', policy, reason: `no reading: ${why}`, blind: true }
  }
  const readings = context.seen.readings.queues?.[signal.queue]
  if (readings === undefined) return [blind('nobody reads the queue')]
  const depth = numberOf(readings.depth)
  if (depth === undefined) return [blind(reasonOf(readings.depth))]
  const arrivals = numberOf(readings.arrivalsPerS)
  const load = { depth, arrivalsPerS: arrivals ?? 0, signal, readings }
  const { instances, reason } = sized(load, context)
  const exact: Recommendation = { kind: 'want', policy, instances, reason }
  const want = standsOn(readings.depth, exact, context.nowMs)
  return arrivals === undefined ? [want, blind(reasonOf(readings.arrivalsPerS))] : [want]
}

interface Load {
  /** Messages that wait or are worked on. */
  readonly depth: number
  readonly arrivalsPerS: number
  readonly signal: QueueSignal
  readonly readings: QueueReadings
}

interface Want {
  readonly instances: number
  readonly reason: string
}

function sized(load: Load, context: GroupContext): Want {
  const { depth, arrivalsPerS, readings } = load
  const oldest = readings.oldestAgeS === undefined ? undefined : numberOf(readings.oldestAgeS)
  const since = oldest === undefined ? '' : `, the oldest for ${round1(oldest)} s`
  const words = `${round1(depth)} wait or are worked on${since}, ${round1(arrivalsPerS)}/s arrive`
  if (depth <= 0 && arrivalsPerS <= 0) return { instances: 0, reason: 'nothing waits' }
  const rate = rateOf(load, context)
  if (rate === undefined) {
    const instances = Math.max(1, context.current)
    return { instances, reason: `${words}; what one instance does is not known yet` }
  }
  const { instances: exact, within } = planned(load, rate, context)
  const isWaiting = exact < context.current && waits(load, rate, context)
  const enough = isWaiting ? context.current : exact
  const instances = capped(enough, readings.partitions)
  const kept = isWaiting ? ', and none leaves while they wait' : ''
  const fewer = instances < enough ? `, but it has ${instances} partitions` : ''
  const each = `at ${round1(rate)}/s each`
  return { instances, reason: `${words}, ${each}: wants ${exact} ${within}${kept}${fewer}` }
}

// Fewer would do for what is left, turn by turn: so the last of it would never be done in time. Who
// is there works until the wait is short.
function waits({ depth, signal }: Load, rate: number, { ready }: GroupContext): boolean {
  const waiting = Math.max(0, depth - ready.length)
  return waiting * 1000 > rate * ready.length * signal.drainWithinMs * SHORT_WAIT
}

function planned(load: Load, rate: number, context: GroupContext) {
  const bootMs = bootOf(context)
  const drainMs = load.signal.drainWithinMs
  // Who boots for longer than half the deadline is given that half to work in, not less and less.
  const horizonMs = Math.max(drainMs, bootMs + drainMs / 2)
  const seconds = horizonMs / 1000
  const missed = horizonMs > drainMs ? `, with ${round1(bootMs / 1000)} s of boot` : ''
  const within = `to be done in ${round1(seconds)} s${missed}`
  const work = load.depth + load.arrivalsPerS * seconds
  const steady = ceil(work / (rate * seconds))
  if (steady <= context.ready.length) return { instances: steady, within }
  const booted = context.starting.reduce((sum, { startedAtMs }) => {
    const leftMs = Math.max(0, bootMs - (context.nowMs - startedAtMs))
    return sum + (horizonMs - leftMs) / 1000
  }, context.ready.length * seconds)
  const missing = work - booted * rate
  const added = ceil(missing / (rate * ((horizonMs - bootMs) / 1000)))
  const there = context.ready.length + context.starting.length
  return { instances: Math.max(steady, missing > 0 ? there + added : 0), within }
}

function ceil(exact: number): number {
  return Math.max(0, Math.ceil(exact - 1e-9))
}

function capped(instances: number, partitions: Reading | undefined): number {
  const most = partitions === undefined ? undefined : numberOf(partitions)
  return most === undefined || most < 1 ? instances : Math.min(instances, Math.floor(most))
}

// The learned rate, or what is done now where that is more: it is at least what can be done.
function rateOf({ readings, signal }: Load, context: GroupContext): number | undefined {
  const learned = context.memory.queueRates?.[signal.queue] ?? 0
  const served = numberOf(readings.servedPerS) ?? 0
  const now = context.ready.length > 0 ? served / context.ready.length : 0
  const rate = Math.max(learned, now)
  return rate > 0 ? rate : undefined
}

// The longest boot among those that are there: how long the next one may take.
function bootOf({ ready, starting, nowMs }: GroupContext): number {
  let bootMs = 0
  for (const { phaseAtMs, startedAtMs } of ready) bootMs = Math.max(bootMs, phaseAtMs - startedAtMs)
  if (bootMs === 0) bootMs = BOOT_MS
  for (const { startedAtMs } of starting) bootMs = Math.max(bootMs, nowMs - startedAtMs)
  return bootMs
}

/** Learns what one instance finishes per second, while there is enough for all of them to do. */
export function noteQueues(
  memory: GroupMemory,
  group: GroupSpec,
  seen: GroupObservation,
  nowMs: EpochMs,
): GroupMemory {
  if (group.queues === undefined) return memory
  let rates = memory.queueRates
  for (const { queue } of group.queues) {
    const readings = seen.readings.queues?.[queue]
    const rate = readings === undefined ? undefined : measured(readings, seen, nowMs)
    if (rate === undefined) continue
    const before = rates?.[queue]
    rates = { ...rates, [queue]: before === undefined ? rate : before * 0.9 + rate * 0.1 }
  }
  return rates === undefined || rates === memory.queueRates
    ? memory
    : { ...memory, queueRates: rates }
}

function measured(
  readings: QueueReadings,
  seen: GroupObservation,
  nowMs: EpochMs,
): number | undefined {
  const served = numberOf(readings.servedPerS)
  const depth = numberOf(readings.depth)
  const instances = instancesOf(seen).filter((i) => i.phase !== 'exited')
  const settled = instances.every((i) => i.phase === 'ready' && nowMs - i.phaseAtMs > SETTLED_MS)
  const busy = capped(instances.length, readings.partitions)
  if (served === undefined || depth === undefined || !settled) return undefined
  return served > 0 && busy > 0 && depth >= 2 * busy ? served / busy : undefined
}
