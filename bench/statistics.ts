// Medians and how sure we are of them. Pure; the chance in it is seeded.
import { seeded } from '../src/lab/random.ts'

/** A median with the 95 % interval around it. */
export interface Interval {
  readonly median: number
  readonly low: number
  readonly high: number
}

const RESAMPLES = 2_000

/** The middle value, or the mean of the two in the middle. Throws when there is none. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  const high = sorted[Math.floor(sorted.length / 2)]
  const low = sorted[Math.floor((sorted.length - 1) / 2)]
  if (low === undefined || high === undefined) throw new RangeError('no values, no median')
  return (low + high) / 2
}

/**
 * The median with a 95 % percentile-bootstrap interval; the same values and seed give the same one.
 * Of a single value the interval is that value. Throws when there is none.
 */
export function medianInterval(values: readonly number[], seed = 1): Interval {
  const random = seeded(seed)
  const resampled = Array.from({ length: RESAMPLES }, () =>
    median(values.map((value) => values[Math.floor(random() * values.length)] ?? value)),
  ).sort((a, b) => a - b)
  const at = (share: number): number => resampled[Math.round(share * (RESAMPLES - 1))] ?? Number.NaN
  return { median: median(values), low: at(0.025), high: at(0.975) }
}
