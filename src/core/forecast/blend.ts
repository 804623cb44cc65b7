// What the forecasters' rehearsals say together: each has a share in the plan, the larger the less
// it would have cost. (Exponential weights over experts: Cesa-Bianchi and Lugosi, "Prediction,
// Learning, and Games", 2006, chapter 2.)
import { COUNT, firstChoice, handicap, SPREADS, STEPS, TIMES } from './forecasters.ts'
import { spreadAt } from './level.ts'
import type { Blend, DemandMemory } from './model.ts'

/** How long a head start outweighs what was seen, in boots at the group's peak. */
const HEADSTART = 12
/** Costs closer than this, in boots at the group's peak, are much the same. */
const ALIKE = 0.6
/** Shares below e to the power of minus this are none. */
const NONE = 12
/** Utilisation at which instances are thought to be paid for what they do. */
const BUSY = 0.85

/** So many times the share that may be late costs as much as all instances. */
const DEAR = 5
/** Nobody can promise less: a smaller share that may be late is taken for this one. */
const LEAST_RATIO = 1e-6
/**
 * As if demand had been calm for so long before it was first seen, in seconds: one spike right
 * after the start is no reason to expect another one at once.
 */
const CALM_S = 1_800

type Rehearsed = Pick<DemandMemory, 'spent' | 'spreadSpent' | 'lateness' | 'total' | 'level'>

/** What shares depend on beside what was rehearsed. */
export interface Weighing {
  /** The share of demand that may be late, 0 to 1. */
  readonly lateRatio: number
  /** Seconds until an instance that is asked for is ready. */
  readonly bootS: number
}

/**
 * The shares after what was rehearsed. Five times the share that may be late is
 * taken to cost as much as all instances do.
 */
export function blendOf(memory: Rehearsed, by: Weighing, atMs: number): Blend {
  const { lateRatio, bootS } = by
  const { spent, spreadSpent, lateness, level } = memory
  const price = 1 / (DEAR * Math.max(LEAST_RATIO, lateRatio) * BUSY)
  const headstart = level.most * bootS * HEADSTART
  const deviation = spreadAt(level.minute, level)
  const first = firstChoice(bootS)
  const costs = new Float64Array(COUNT * STEPS)
  let least = Number.POSITIVE_INFINITY
  let best = 0
  for (let f = 0; f < COUNT; f += 1) {
    const sum = spent[f] ?? 0
    const spread = spreadSpent[f] ?? 0
    for (let i = f * STEPS; i < (f + 1) * STEPS; i += 1) {
      const hours = (TIMES[i] ?? 0) * sum + (SPREADS[i] ?? 0) * spread
      const late = (lateness.late[i] ?? 0) * price
      const calm = ((TIMES[i] ?? 1) - 1) * level.minute + (SPREADS[i] ?? 0) * deviation
      const cost = hours + late + handicap(i, first) * headstart + calm * CALM_S
      costs[i] = cost
      if (cost < least) {
        least = cost
        best = i
      }
    }
  }
  const alike = ALIKE * Math.max(level.most * bootS, 1e-9)
  return {
    ...shared(costs, { least, alike }, memory),
    atMs,
    leader: Math.floor(best / STEPS),
    step: best % STEPS,
  }
}

function shared(
  costs: Float64Array,
  { least, alike }: { readonly least: number; readonly alike: number },
  { lateness, total }: Rehearsed,
): Pick<Blend, 'times' | 'spreads' | 'expectedLate'> {
  const times = new Array<number>(COUNT).fill(0)
  const spreads = new Array<number>(COUNT).fill(0)
  let [sum, late] = [0, 0]
  for (let f = 0; f < COUNT; f += 1) {
    for (let i = f * STEPS; i < (f + 1) * STEPS; i += 1) {
      const worse = ((costs[i] ?? 0) - least) / alike
      if (worse > NONE) continue
      const share = Math.exp(-worse)
      times[f] = (times[f] ?? 0) + share * (TIMES[i] ?? 0)
      spreads[f] = (spreads[f] ?? 0) + share * (SPREADS[i] ?? 0)
      sum += share
      late += share * (lateness.late[i] ?? 0)
    }
  }
  for (let f = 0; f < COUNT; f += 1) {
    times[f] = (times[f] ?? 0) / sum
    spreads[f] = (spreads[f] ?? 0) / sum
  }
  return { times, spreads, expectedLate: total === 0 ? 0 : late / sum / total }
}
