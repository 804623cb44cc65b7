// Counts what became of requests, second by second, as they end. Knows time only as numbers.
import { type Ending, isLate, judge, type Verdict } from './answer.ts'
import type { Shot } from './arrivals.ts'

/** What became of the requests that were due within one second of the run. */
export interface SecondResult {
  /** 0 is the first second of the run. */
  readonly second: number
  /** Requests due in this second. */
  readonly requests: number
  /**
   * Unmarked requests answered 2xx or 3xx: their latencies from when they were due, in ms,
   * ascending.
   */
  readonly latenciesMs: readonly number[]
  /** Unmarked requests that failed or were shed: never answered, as far as latency goes. */
  readonly lost: number
  readonly failed: number
  readonly late: number
  readonly failedByApplication: number
  /** Requests due before this second that were still without an end when it began. */
  readonly outstandingBefore: number
  /** Requests, whenever due, that were answered (with any status) within this second. */
  readonly answered: number
}

/**
 * Totals over a run. `requests` = those that ended; each is in exactly one of the five verdicts.
 */
export interface Totals {
  readonly requests: number
  readonly ok: number
  /** Failed beyond what the application was asked to do wrong. */
  readonly failed: number
  /** Answered more than 5 s after they were due, or shed. Overlaps `ok`, `delayed` and `shed`. */
  readonly late: number
  readonly shed: number
  /** Broken because the application was asked to. */
  readonly failedByApplication: number
  /** Answered late because the application was asked to. */
  readonly delayedByApplication: number
  /** How often each kind of failure happened, e.g. `ECONNRESET` or `status 502`. */
  readonly reasons: Readonly<Record<string, number>>
  /** The first failures one by one. */
  readonly failures: readonly Failure[]
}

/** One failed request. */
export interface Failure {
  /** From the start of the run, in milliseconds. */
  readonly dueMs: number
  readonly endedMs: number
  readonly method: string
  readonly reason: string
}

/** A request that was due. */
export interface Asked {
  readonly dueMs: number
  readonly shot: Shot
}

interface Counts {
  requests: number
  latenciesMs: number[]
  lost: number
  failed: number
  late: number
  failedByApplication: number
  answered: number
  ended: number
}

const MAX_FAILURES_KEPT = 100
const MAX_REASONS = 100

/** Keeps count. Times are milliseconds from the start of the run. */
export class Tally {
  readonly #seconds: Counts[] = []
  readonly #verdicts: Record<Verdict, number> = {
    ok: 0,
    shed: 0,
    resetByApplication: 0,
    delayedByApplication: 0,
    failed: 0,
  }
  readonly #reasons = new Map<string, number>()
  readonly #failures: Failure[] = []
  #late = 0

  /** A request is due. */
  due(asked: Asked): void {
    this.#second(asked.dueMs).requests += 1
  }

  /** It ended. Returns the verdict and the latency from when it was due. */
  end(asked: Asked, ending: Ending, nowMs: number): { verdict: Verdict; latencyMs: number } {
    const verdict = judge(asked.shot.mark, ending)
    const latencyMs = Math.max(0, nowMs - asked.dueMs)
    const second = this.#second(asked.dueMs)
    this.#verdicts[verdict] += 1
    if (verdict === 'failed') {
      second.failed += 1
      this.#keepFailure(asked, ending, nowMs)
    }
    if (verdict === 'resetByApplication') second.failedByApplication += 1
    if (isLate(verdict, latencyMs)) {
      second.late += 1
      this.#late += 1
    }
    if (verdict === 'ok' && asked.shot.mark === undefined) second.latenciesMs.push(latencyMs)
    if (isLost(verdict, asked.shot)) second.lost += 1
    const now = this.#second(nowMs)
    now.ended += 1
    if (ending.kind === 'status') now.answered += 1
    return { verdict, latencyMs }
  }

  totals(): Totals {
    const { ok, shed, failed, resetByApplication, delayedByApplication } = this.#verdicts
    return {
      requests: ok + shed + failed + resetByApplication + delayedByApplication,
      ok,
      failed,
      late: this.#late,
      shed,
      failedByApplication: resetByApplication,
      delayedByApplication,
      reasons: Object.fromEntries(this.#reasons),
      failures: [...this.#failures],
    }
  }

  /** How many requests were due in a second so far. */
  dueIn(second: number): number {
    return this.#seconds[second]?.requests ?? 0
  }

  /** The first `count` seconds. */
  seconds(count: number): readonly SecondResult[] {
    let outstanding = 0
    return Array.from({ length: count }, (_, second) => {
      const { ended, ...counts } = this.#second(second * 1_000)
      const outstandingBefore = outstanding
      outstanding += counts.requests - ended
      const latenciesMs = counts.latenciesMs.toSorted((a, b) => a - b)
      return { second, ...counts, latenciesMs, outstandingBefore }
    })
  }

  #second(atMs: number): Counts {
    const index = Math.max(0, Math.floor(atMs / 1_000))
    while (this.#seconds.length <= index) this.#seconds.push(nothing())
    return this.#seconds[index] ?? nothing()
  }

  #keepFailure({ dueMs, shot }: Asked, ending: Ending, endedMs: number): void {
    const reason = ending.kind === 'status' ? `status ${ending.status}` : ending.reason
    const known = this.#reasons.has(reason) || this.#reasons.size < MAX_REASONS
    const key = known ? reason : 'others'
    this.#reasons.set(key, (this.#reasons.get(key) ?? 0) + 1)
    if (this.#failures.length >= MAX_FAILURES_KEPT) return
    this.#failures.push({ dueMs, endedMs, method: shot.method, reason })
  }
}

/** Whether a request counts as never answered: failed or shed, and not for a fault it asked for. */
export function isLost(verdict: Verdict, shot: Shot): boolean {
  return shot.mark === undefined && (verdict === 'failed' || verdict === 'shed')
}

function nothing(): Counts {
  return {
    requests: 0,
    latenciesMs: [],
    lost: 0,
    failed: 0,
    late: 0,
    failedByApplication: 0,
    answered: 0,
    ended: 0,
  }
}
