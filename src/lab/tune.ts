// Every setting of a policy in one world, and the oracle at its best.
import { type OracleSetting, oracleGrid, oraclePolicy } from './oracle.ts'
import type { Rival, Setting } from './policy.ts'
import { gridOf } from './rivals/field.ts'
import { cheapestWithin } from './score/cost.ts'
import type { Score } from './score/tally.ts'
import { runPolicy } from './world/run.ts'
import type { World } from './world/world.ts'

/** A setting and what it reached. */
export interface Tuned extends Score {
  readonly setting: Setting
}

/** A rival's whole grid in one world. */
export function tuneRival(world: World, rival: Rival): readonly Tuned[] {
  return gridOf(rival).map((setting) => ({ setting, ...runPolicy(world, rival.tuned(setting)) }))
}

/** The oracle's score at its cheapest setting that holds the SLO; else at its best violations. */
export interface Oracle extends Score {
  readonly setting: OracleSetting
  /** Whether it reached the share of violations that was asked for. */
  readonly serves: boolean
}

/** Runs the oracle's grid; `progress` is called after every run. */
export function bestOracle(
  world: World,
  violationPercent: number,
  progress: () => void = () => {},
): Oracle {
  const points = oracleGrid(world.bootS).map((setting) => {
    const score = runPolicy(world, oraclePolicy(setting))
    progress()
    return { setting, ...score }
  })
  const met = cheapestWithin(points, violationPercent)
  if (met !== undefined) return { ...met, serves: true }
  const best = points.toSorted((a, b) => a.violationPercent - b.violationPercent)[0]
  if (best === undefined) throw new Error('the grid of the oracle is empty')
  return { ...best, serves: false }
}
