// Percentiles over latencies where some requests were never answered. Pure.
import { REQUEST_TIMEOUT_MS } from './answer.ts'

/**
 * The 99th percentile by nearest rank, in milliseconds; null when there was nothing to measure.
 * `latenciesMs` is ascending. Each of the `lost` requests counts as slower than all others and is
 * given as the request time-out, the longest that anything can take; so is anything beyond it.
 */
export function p99Ms(latenciesMs: readonly number[], lost: number): number | null {
  const count = latenciesMs.length + lost
  if (count === 0) return null
  const rank = Math.ceil(count * 0.99) - 1
  return Math.min(latenciesMs[rank] ?? REQUEST_TIMEOUT_MS, REQUEST_TIMEOUT_MS)
}
