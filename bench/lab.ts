// How fast the lab replays a month of seconds with Plimsoll's own core, and how many decisions a
// second the core takes.
import { decide } from '../src/core/decide.ts'
import { EMPTY_MEMORY } from '../src/core/memory.ts'
import type { Observation } from '../src/core/model.ts'
import { plimsollPolicy, specFor } from '../src/lab/plimsoll.ts'
import { synthetic } from '../src/lab/traffic/synthetic.ts'
import { runPolicy } from '../src/lab/world/run.ts'
import { type World, worldOf } from '../src/lab/world/world.ts'
import { variantOf } from './policy/measure.ts'
import type { BenchDocument, BenchOptions, Row } from './report.ts'
import { median } from './statistics.ts'

const DAYS = 30
const DAY_S = 86_400
const ROUNDS = 3
const PEAK_RPS = 500
/** Observations that are decided over and over. */
const KEPT = 50_000

/** Both rows; `--share` takes fewer days. */
export async function lab(options: BenchOptions): Promise<BenchDocument> {
  const { seed, share, only, progress } = options
  const seconds = Math.round(DAYS * DAY_S * share)
  const trace = synthetic('diurnal', { seconds, peakRps: PEAK_RPS, seed })
  const world = worldOf(trace.rps, { seed })
  const { defaults } = variantOf(only)
  const [month, decisions]: [number[], number[]] = [[], []]
  for (let round = 0; round < ROUNDS; round += 1) {
    const startMs = performance.now()
    runPolicy(world, defaults)
    month.push((performance.now() - startMs) / 1_000)
    decisions.push(decisionsPerSecond(world))
    progress(`round ${round + 1} of ${ROUNDS}`)
  }
  const notes = [
    `one group, a decision every tick of the policy, up to ${world.maxInstances} instances`,
    ...(share < 1 ? [`a trial: ${DAYS * share} days instead of ${DAYS}`] : []),
  ]
  const rows = [
    row(`${DAYS} days of seconds`, median(month), 's', 'lower'),
    row('decisions per second', median(decisions), '1/s', 'higher'),
  ]
  return { bench: 'lab', rounds: ROUNDS, rows, notes }
}

function row(name: string, ours: number, unit: string, better: Row['better']): Row {
  return { name, rival: null, ours, theirs: null, unit, better, ratio: null }
}

// The observations of a run, decided again without the plant around them.
function decisionsPerSecond(world: World): number {
  const observations: Observation[] = []
  const part = { ...world, arrivals: world.arrivals.subarray(0, KEPT) }
  runPolicy(part, plimsollPolicy({ onDecision: (seen) => observations.push(seen) }))
  const spec = specFor(world)
  let memory = EMPTY_MEMORY
  const startMs = performance.now()
  for (const observation of observations) memory = decide(spec, observation, memory).memory
  return observations.length / ((performance.now() - startMs) / 1_000)
}
