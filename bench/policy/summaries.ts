// From what everybody reached in every world to the figures that are claimed.
import {
  cheapestWithin,
  costOf,
  geometricMean,
  type Point,
  paretoFront,
} from '../../src/lab/score/cost.ts'
import { median } from '../statistics.ts'
import { type Measured, type Result, SLO_PERCENT } from './measure.ts'

/** A policy at one setting over all worlds. */
export interface OneSetting {
  readonly policy: string
  readonly setting: string
  readonly isOnEdge: boolean
  /** Geometric mean over the worlds that the oracle can serve. */
  readonly cost: number
  readonly hoursToOracle: number
  /** Mean percent of violations, and worlds in which the SLO was met. */
  readonly violationPercent: number
  readonly met: number
}

/** What a missed SLO counts as, in hours to the oracle's. */
const MISSED = 2

/** The worlds that the oracle can serve. */
export function served(results: readonly Result[]): readonly Result[] {
  return results.filter((result) => result.oracle.serves)
}

/** Plimsoll at its defaults over all worlds that the oracle can serve. */
export function oursAtDefaults(results: readonly Result[], weight: number): OneSetting {
  const points = served(results).map((r) => ({ result: r, point: r.ours.defaults }))
  return over(points, weight, { policy: results[0]?.ours.policy ?? '', setting: 'defaults' })
}

/** Every rival at every one of its settings. */
export function rivalsAtOneSetting(
  results: readonly Result[],
  weight: number,
): readonly OneSetting[] {
  return measuredOf(results, (r) => r.rivals, weight)
}

/** Plimsoll at every setting of its knob. */
export function oursByKnob(results: readonly Result[], weight: number): readonly OneSetting[] {
  return measuredOf(results, (r) => [r.ours], weight)
}

function measuredOf(
  results: readonly Result[],
  pick: (result: Result) => readonly Measured[],
  weight: number,
): readonly OneSetting[] {
  const inside = served(results)
  const first = inside[0]
  if (first === undefined) return []
  return pick(first).flatMap((measured, p) =>
    measured.grid.map(({ setting, isOnEdge }, g) => {
      const points = inside.flatMap((result) => {
        const point = pick(result)[p]?.grid[g]
        return point === undefined ? [] : [{ result, point }]
      })
      return { ...over(points, weight, { policy: measured.policy, setting }), isOnEdge }
    }),
  )
}

function over(
  points: readonly { readonly result: Result; readonly point: Point }[],
  weight: number,
  who: { readonly policy: string; readonly setting: string },
): OneSetting {
  const violations = points.map(({ point }) => point.violationPercent)
  return {
    ...who,
    isOnEdge: false,
    cost: geometricMean(points.map((p) => costOf(p.point, p.result.oracle.instanceHours, weight))),
    hoursToOracle: geometricMean(
      points.map((p) => p.point.instanceHours / p.result.oracle.instanceHours),
    ),
    violationPercent: violations.reduce((sum, v) => sum + v, 0) / violations.length,
    met: violations.filter((v) => v <= SLO_PERCENT).length,
  }
}

/** The cheapest of each policy, the cheapest policy first. */
export function bestOfEach(settings: readonly OneSetting[]): readonly OneSetting[] {
  const best = new Map<string, OneSetting>()
  for (const setting of settings) {
    const known = best.get(setting.policy)
    if (known === undefined || setting.cost < known.cost) best.set(setting.policy, setting)
  }
  return [...best.values()].toSorted((a, b) => a.cost - b.cost)
}

/** Most worlds served by a rival that uses no more hours than ours. */
export function mostMet(ours: OneSetting, rivals: readonly OneSetting[]): OneSetting | undefined {
  const thrifty = rivals.filter((rival) => rival.hoursToOracle <= ours.hoursToOracle)
  return thrifty.toSorted((a, b) => b.met - a.met || a.cost - b.cost)[0]
}

/** Our hours to those of the rival that hindsight tunes best, per world in which one holds. */
export interface Hindsight {
  readonly world: string
  readonly rival: string
  readonly ours: number
  readonly theirs: number
  readonly ratio: number
}

/** Worlds that we reach at no setting count as missed. */
export function hindsight(results: readonly Result[]): readonly Hindsight[] {
  return results.flatMap((result) => {
    const all = result.rivals.flatMap((r) => r.grid.map((g) => ({ ...g, policy: r.policy })))
    const theirs = cheapestWithin(all, SLO_PERCENT)
    if (theirs === undefined) return []
    const ours = cheapestWithin([...result.ours.grid, result.ours.defaults], SLO_PERCENT)
    const hours = ours?.instanceHours ?? theirs.instanceHours * MISSED
    return [
      {
        world: result.world.name,
        rival: theirs.policy,
        ours: hours,
        theirs: theirs.instanceHours,
        ratio: hours / theirs.instanceHours,
      },
    ]
  })
}

/** Median and worst ratio. */
export function spread(rows: readonly Hindsight[]): { median: number; worst: number } {
  const ratios = rows.map((row) => row.ratio)
  if (ratios.length === 0) return { median: Number.NaN, worst: Number.NaN }
  return { median: median(ratios), worst: Math.max(...ratios) }
}

/** Hours to the oracle where it and anybody else hold the SLO, a missed one counted as 2. */
export function hoursToOracle(results: readonly Result[]): number {
  const possible = served(results).filter((result) =>
    [result.ours, ...result.rivals].some((measured) =>
      [measured.defaults, ...measured.grid].some((p) => p.violationPercent <= SLO_PERCENT),
    ),
  )
  return geometricMean(
    possible.map(({ ours: { defaults }, oracle }) =>
      defaults.violationPercent <= SLO_PERCENT
        ? defaults.instanceHours / oracle.instanceHours
        : MISSED,
    ),
  )
}

/** The settings that no other one of the same policy beats in hours and violations. */
export function frontOf(settings: readonly OneSetting[]) {
  const points = settings.map((s) => ({ ...s, instanceHours: s.hoursToOracle }))
  return paretoFront(points).map(({ setting, hoursToOracle, violationPercent, met }) => {
    return { setting, hoursToOracle, violationPercent, met }
  })
}
