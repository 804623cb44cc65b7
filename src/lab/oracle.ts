// References between the rivals and the bound: a policy that sees one boot ahead exactly, and one
// that sees the present without delay.
import type { PolicyMaker, Rival, Setting } from './policy.ts'
import { PeakWindow } from './rivals/peak-window.ts'
import type { World } from './world/world.ts'

/** How an oracle makes use of what it sees. */
export interface OracleSetting {
  /** Utilisation aimed at, 0 to 1. */
  readonly target: number
  /** How far it sees, in seconds. */
  readonly aheadS: number
  /** Rates are means over so many seconds. */
  readonly smoothS: number
  /** How long less must be seen before it scales in, in seconds. */
  readonly holdS: number
}

/** Instances that the busiest of the next seconds needs, for every second. */
export function needAhead(world: World, setting: Omit<OracleSetting, 'holdS'>): Uint32Array {
  const { arrivals, capacityRps } = world
  const need = new Uint32Array(arrivals.length)
  const peak = new PeakWindow(setting.aheadS + 1)
  let sum = 0
  // Backwards in time: the window of the future is then one of the past.
  for (let t = arrivals.length - 1; t >= 0; t -= 1) {
    sum += (arrivals[t] ?? 0) - (arrivals[t + setting.smoothS] ?? 0)
    const rate = sum / Math.min(setting.smoothS, arrivals.length - t)
    const now = Math.ceil(rate / (capacityRps * setting.target) - 1e-9)
    need[t] = peak.add(arrivals.length - t, now)
  }
  return need
}

/** Knows the arrivals of the next seconds. */
export function oraclePolicy(setting: OracleSetting): PolicyMaker {
  return (world) => {
    const need = needAhead(world, setting)
    const hold = new PeakWindow(setting.holdS)
    const decide = (seen: { nowS: number }): number => hold.add(seen.nowS, need[seen.nowS] ?? 0)
    return { pipeline: { periodS: 1, lagS: 0 }, everyS: 1, decide }
  }
}

const TARGETS = [0.8, 0.85, 0.9, 0.95, 1]
const SMOOTHS_S = [1, 3, 10]
const HOLDS_S = [0, 60]
/** How far it sees, in boots: an ordinary one, a slow one, and one that fails once. */
const AHEAD_BOOTS = [1.15, 1.5, 2.2]

/** The settings of which the oracle uses the best. */
export function oracleGrid(bootS: number): readonly OracleSetting[] {
  return AHEAD_BOOTS.flatMap((boots) =>
    TARGETS.flatMap((target) =>
      SMOOTHS_S.flatMap((smoothS) =>
        HOLDS_S.map((holdS) => ({ target, smoothS, holdS, aheadS: Math.ceil(bootS * boots) })),
      ),
    ),
  )
}

function reactive({ target, settleS }: Setting): PolicyMaker {
  return (world) => {
    const hold = new PeakWindow(settleS)
    const decide = (seen: { nowS: number }): number => {
      const rate = world.arrivals[seen.nowS - 1] ?? 0
      return hold.add(seen.nowS, Math.ceil(rate / (world.capacityRps * target) - 1e-9))
    }
    return { pipeline: { periodS: 1, lagS: 0 }, everyS: 1, decide }
  }
}

/** Sees what arrives now without any delay, and still has to wait for boots. */
export const perfectReactive: Rival = {
  name: 'perfect-reactive',
  defaults: (world) => reactive({ target: 0.8, settleS: world.bootS + world.drainS })(world),
  tuned: reactive,
  settles: true,
}
