// What one group has carried since the process started: counts, latency buckets, in-flight
// integral.
import type { BalancerCounters } from '../../../core/ports.ts'
import { LATENCY_BOUNDS_MS } from '../../../core/ports.ts'

/** How a request ended for the client. */
export type Ending = 'ok' | 'client' | 'server' | 'badGateway' | 'shed'

/** The ending that belongs to an instance's own status code. */
export function endingOf(statusCode: number): Ending {
  if (statusCode >= 500) return 'server'
  return statusCode >= 400 ? 'client' : 'ok'
}

/** Cumulative counters of a group. Times are milliseconds of one monotonic clock. */
export class Counters {
  #requests = 0
  #retried = 0
  #inFlight = 0
  #inFlightMs = 0
  #changedAtMs: number
  readonly #ended: Record<Ending, number> = { ok: 0, client: 0, server: 0, badGateway: 0, shed: 0 }
  readonly #latency: number[] = new Array<number>(LATENCY_BOUNDS_MS.length + 1).fill(0)

  constructor(nowMs: number) {
    this.#changedAtMs = nowMs
  }

  /** Requests being served or waiting now. */
  get inFlight(): number {
    return this.#inFlight
  }

  /** A request arrived; it is in flight until `left`. */
  arrived(nowMs: number): void {
    this.#advance(nowMs)
    this.#requests += 1
    this.#inFlight += 1
  }

  /** A request is over, answered or not. */
  left(nowMs: number): void {
    this.#advance(nowMs)
    this.#inFlight -= 1
  }

  /** A response went to the client; a tunnel's has no latency. */
  ended(ending: Ending, latencyMs?: number): void {
    this.#ended[ending] += 1
    if (latencyMs === undefined) return
    const bucket = bucketOf(latencyMs)
    this.#latency[bucket] = (this.#latency[bucket] ?? 0) + 1
  }

  /** A request is tried on another instance. */
  retried(): void {
    this.#retried += 1
  }

  /** The counters now; `waiting` is the length of the waiting room. */
  read(nowMs: number, waiting: number): BalancerCounters {
    this.#advance(nowMs)
    return {
      requests: this.#requests,
      ...this.#ended,
      retried: this.#retried,
      inFlight: this.#inFlight,
      waiting,
      inFlightMs: this.#inFlightMs,
      latency: [...this.#latency],
    }
  }

  #advance(nowMs: number): void {
    this.#inFlightMs += this.#inFlight * (nowMs - this.#changedAtMs)
    this.#changedAtMs = nowMs
  }
}

/** Index of the bucket that holds `latencyMs`: the first whose bound is not below it. */
export function bucketOf(latencyMs: number): number {
  let low = 0
  let high = LATENCY_BOUNDS_MS.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((LATENCY_BOUNDS_MS[middle] ?? 0) < latencyMs) low = middle + 1
    else high = middle
  }
  return low
}
