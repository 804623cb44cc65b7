// From a trace with a step of its own to what arrives in every second.
import { seeded } from '../random.ts'
import { drawPoisson } from './draw.ts'

/** Evenly spaced rates: `rps[i]` at second `i * stepS`. */
export interface Trace {
  readonly name: string
  readonly stepS: number
  readonly rps: Float64Array
}

/** How a trace is laid out over seconds. */
export interface Layout {
  /** Every rate is multiplied by it; that scales the noise of a one-second trace too. */
  readonly multiplier: number
  /** Seconds at most; the rest of the trace is left out. */
  readonly mostS: number
  readonly seed: number
}

/** How many seconds a trace covers. */
export function secondsOf({ stepS, rps }: Trace): number {
  return Math.round(rps.length * stepS)
}

/**
 * Requests in each second. A trace of one-second steps is taken as it is; below a coarser step the
 * rate is interpolated linearly and arrivals are Poisson.
 */
export function arrivalsOf(trace: Trace, layout: Layout): Float64Array {
  const seconds = Math.max(0, Math.min(secondsOf(trace), Math.floor(layout.mostS)))
  const arrivals = new Float64Array(seconds)
  const random = seeded(layout.seed)
  for (let t = 0; t < seconds; t += 1) {
    const rate = rateAt(trace, t) * layout.multiplier
    arrivals[t] = trace.stepS <= 1 ? rate : drawPoisson(rate, random)
  }
  return arrivals
}

/** The rate at a second, interpolated between the trace's own instants. */
export function rateAt({ rps, stepS }: Trace, second: number): number {
  const at = second / stepS
  const left = Math.min(rps.length - 1, Math.floor(at))
  const right = Math.min(rps.length - 1, left + 1)
  const a = rps[left] ?? 0
  return a + ((rps[right] ?? a) - a) * (at - left)
}

/** The multiplier with which a trace's 99.9th percentile fills so many instances. */
export function multiplierFor(trace: Trace, instances: number, capacityRps: number): number {
  const sorted = trace.rps.toSorted()
  const peak = sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * PEAK_SHARE))] ?? 0
  return peak > 0 ? (instances * capacityRps) / peak : 1
}

const PEAK_SHARE = 0.999
