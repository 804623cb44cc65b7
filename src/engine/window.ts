// Cumulative counters of the balancer → readings over the last seconds.
import type { EpochMs, Reading } from '../core/model.ts'
import { type BalancerCounters, LATENCY_BOUNDS_MS } from '../core/ports.ts'

/** In flight and rate: short, so that a spike shows at once. */
const SHORT_MS = 1_000
/** Latency and errors: long enough to have a 99th percentile. */
const LONG_MS = 5_000
const LEAST_MS = 500

interface Snapshot {
  readonly monotonicMs: number
  readonly counters: BalancerCounters
}

/** What the counters say of the last one second (in flight, rate) and five (p99, errors). */
export interface WindowReadings {
  readonly inFlight: Reading
  readonly rps: Reading
  readonly p99Ms: Reading
  readonly errorsRatio: Reading
  /** Share of responses that were 502 or 504 by the balancer, 0 to 1. */
  readonly badGatewayRatio: Reading
  /** Share of responses that were 503 by the balancer, for want of room, 0 to 1. */
  readonly shedRatio: Reading
  /** Responses that these shares are of. */
  readonly responses: Reading
}

/** The snapshots of one group since the balancer's last start. */
export class CounterWindow {
  #startId = ''
  #snapshots: Snapshot[] = []
  #isNew = false
  #atMs: EpochMs = 0

  /**
   * Adds what the balancer says now. Counters that began anew begin a new window; an answer that is
   * no newer than the last one says nothing.
   */
  add(startId: string, snapshot: Snapshot): void {
    if (startId !== this.#startId) this.#snapshots = []
    this.#startId = startId
    const last = this.#snapshots.at(-1)
    this.#isNew = last === undefined || snapshot.monotonicMs > last.monotonicMs
    if (!this.#isNew) return
    this.#snapshots.push(snapshot)
    // One snapshot older than the long window is kept as its beginning.
    const old = (s: Snapshot | undefined) => {
      return s !== undefined && snapshot.monotonicMs - s.monotonicMs >= LONG_MS
    }
    while (old(this.#snapshots[1])) this.#snapshots.shift()
  }

  /** What the counters say. The readings are as old as the last answer that was new. */
  readings(nowMs: EpochMs): WindowReadings {
    if (this.#isNew) this.#atMs = nowMs
    const atMs = this.#atMs
    const now = this.#snapshots.at(-1)
    const short = this.#since(SHORT_MS)
    const long = this.#snapshots[0]
    if (now === undefined || short === undefined || long === undefined) return missing(YOUNG)
    const elapsedMs = now.monotonicMs - short.monotonicMs
    if (elapsedMs < LEAST_MS) return missing(YOUNG)
    const inFlight = (now.counters.inFlightMs - short.counters.inFlightMs) / elapsedMs
    const rps = ((now.counters.requests - short.counters.requests) / elapsedMs) * 1000
    return {
      inFlight: { kind: 'value', value: inFlight, atMs },
      rps: { kind: 'value', value: rps, atMs },
      p99Ms: p99(long.counters.latency, now.counters.latency, atMs),
      ...errors(long.counters, now.counters, atMs),
    }
  }

  // The newest snapshot that is at least `ms` old, else the oldest.
  #since(ms: number): Snapshot | undefined {
    const now = this.#snapshots.at(-1)
    if (now === undefined) return undefined
    const aged = this.#snapshots.filter((s) => now.monotonicMs - s.monotonicMs >= ms)
    return aged.at(-1) ?? this.#snapshots[0]
  }
}

const YOUNG = 'the balancer was watched for less than a second'

/** All readings missing for one reason. */
export function missing(reason: string): WindowReadings {
  const reading = { kind: 'missing', reason } as const
  const load = { inFlight: reading, rps: reading, p99Ms: reading }
  const shares = { errorsRatio: reading, badGatewayRatio: reading, shedRatio: reading }
  return { ...load, ...shares, responses: reading }
}

// The upper bound of the bucket that holds the 99th percentile: never too good.
function p99(before: readonly number[], now: readonly number[], atMs: EpochMs): Reading {
  const counts = now.map((n, i) => n - (before[i] ?? 0))
  if (counts.some((n) => !(n >= 0))) {
    return { kind: 'missing', reason: 'the latency counters went back' }
  }
  const total = counts.reduce((sum, n) => sum + n, 0)
  if (total === 0) return { kind: 'missing', reason: 'no response in the last seconds' }
  let left = total - Math.ceil(total * 0.99)
  for (let i = counts.length - 1; i >= 0; i--) {
    left -= counts[i] ?? 0
    if (left < 0) {
      const bound = LATENCY_BOUNDS_MS[Math.min(i, LATENCY_BOUNDS_MS.length - 1)] ?? 0
      return { kind: 'value', value: bound, atMs }
    }
  }
  return { kind: 'missing', reason: 'no response in the last seconds' }
}

function errors(
  before: BalancerCounters,
  now: BalancerCounters,
  atMs: EpochMs,
): Pick<WindowReadings, 'errorsRatio' | 'badGatewayRatio' | 'shedRatio' | 'responses'> {
  const of = (c: BalancerCounters) => c.server + c.badGateway + c.shed
  const all = (c: BalancerCounters) => of(c) + c.ok + c.client
  const total = all(now) - all(before)
  const value = (n: number): Reading => ({ kind: 'value', value: n, atMs })
  if (total <= 0) {
    const none = { kind: 'missing', reason: 'no response in the last seconds' } as const
    return { errorsRatio: none, badGatewayRatio: none, shedRatio: none, responses: value(0) }
  }
  return {
    errorsRatio: value((of(now) - of(before)) / total),
    badGatewayRatio: value((now.badGateway - before.badGateway) / total),
    shedRatio: value((now.shed - before.shed) / total),
    responses: value(total),
  }
}
