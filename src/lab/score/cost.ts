// One figure for hours and violations together, the front of those that nobody beats in both, and
// the fewest hours at a given share of violations.

/** What a policy reached in one world, or at one setting of it. */
export interface Point {
  readonly violationPercent: number
  readonly instanceHours: number
}

/** Violations count for at most this many oracle fleets. */
const WORST = 10

/** Hours to the oracle's, and `weightPercent` of violations costs as much as the whole fleet. */
export function costOf(point: Point, oracleHours: number, weightPercent = 1): number {
  const missed = Math.min(WORST, point.violationPercent / weightPercent)
  return point.instanceHours / oracleHours + missed
}

/** The points that no other one beats in violations and hours, from few violations to many. */
export function paretoFront<P extends Point>(points: readonly P[]): readonly P[] {
  const sorted = points.toSorted(
    (a, b) => a.violationPercent - b.violationPercent || a.instanceHours - b.instanceHours,
  )
  let least = Number.POSITIVE_INFINITY
  return sorted.filter((point) => {
    if (point.instanceHours >= least) return false
    least = point.instanceHours
    return true
  })
}

/** The point with the fewest hours among those with at most so many violations. */
export function cheapestWithin<P extends Point>(
  points: readonly P[],
  violationPercent: number,
): P | undefined {
  const met = points.filter((point) => point.violationPercent <= violationPercent)
  return met.reduce<P | undefined>(
    (best, point) =>
      best === undefined || point.instanceHours < best.instanceHours ? point : best,
    undefined,
  )
}

/** exp(mean(log)): how ratios are averaged. NaN for none. */
export function geometricMean(values: readonly number[]): number {
  return Math.exp(values.reduce((sum, value) => sum + Math.log(value), 0) / values.length)
}
