// What a run with one spike comes to: p99 of its parts, and when the SLO was met again. Pure.
import { p99Ms } from './percentile.ts'
import type { SecondResult } from './tally.ts'

/**
 * Which seconds of the run are the spike: from `startS`, up to and without `endS`; whole seconds.
 */
export interface Spike {
  readonly startS: number
  readonly endS: number
}

/**
 * p99 in milliseconds of the requests due in a part of the run; null for a part without any.
 * Requests that failed or were shed count as the request time-out; marked ones are left out.
 */
export interface Summary {
  readonly p99_ms: {
    /** From the third second up to the spike: the first two warm up connections and compilers. */
    readonly calm: number | null
    /** The worst second of the spike. */
    readonly spike_worst: number | null
    /** The last ten seconds of the spike together (all of it when shorter). */
    readonly spike_settled: number | null
    /** All seconds after the spike together. */
    readonly after: number | null
  }
  /**
   * Seconds from the spike's start to the first of at least five in a row inside the SLO with no
   * later
   * miss; null when there is none.
   */
  readonly recovered_s: number | null
}

const WARM_UP_S = 2
const SETTLED_S = 10
const SECONDS_IN_A_ROW = 5

/** Sums up a run. `seconds` are all seconds of the run in order, `sloP99Ms` is in milliseconds. */
export function summarize(
  seconds: readonly SecondResult[],
  spike: Spike,
  sloP99Ms: number,
): Summary {
  const { startS, endS } = spike
  const during = seconds.slice(startS, endS)
  return {
    p99_ms: {
      calm: together(seconds.slice(WARM_UP_S, startS)),
      spike_worst: worst(during),
      spike_settled: together(during.slice(-SETTLED_S)),
      after: together(seconds.slice(endS)),
    },
    recovered_s: recoveredS(seconds.slice(startS), sloP99Ms),
  }
}

/**
 * Whether a second missed the SLO: the p99 of the requests due in it is over, or nothing at all was
 * answered in it though requests from before were waiting. A second without work is no miss.
 */
export function missesSlo(second: SecondResult, sloP99Ms: number): boolean {
  if (second.outstandingBefore > 0 && second.answered === 0) return true
  return (p99Ms(second.latenciesMs, second.lost) ?? 0) > sloP99Ms
}

function recoveredS(sinceSpike: readonly SecondResult[], sloP99Ms: number): number | null {
  const lastMiss = sinceSpike.findLastIndex((second) => missesSlo(second, sloP99Ms))
  const recovered = lastMiss + 1
  return sinceSpike.length - recovered >= SECONDS_IN_A_ROW ? recovered : null
}

function together(seconds: readonly SecondResult[]): number | null {
  const latenciesMs = seconds.flatMap((second) => second.latenciesMs).sort((a, b) => a - b)
  const lost = seconds.reduce((sum, second) => sum + second.lost, 0)
  return rounded(p99Ms(latenciesMs, lost))
}

function worst(seconds: readonly SecondResult[]): number | null {
  const values = seconds.flatMap((second) => p99Ms(second.latenciesMs, second.lost) ?? [])
  return values.length === 0 ? null : rounded(Math.max(...values))
}

function rounded(ms: number | null): number | null {
  return ms === null ? null : Math.round(ms * 10) / 10
}
