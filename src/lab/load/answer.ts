// What became of one request, judged as its client would. Pure.

/** What a request asks the application to do wrong: break the connection, or answer late. */
export type FaultMark = 'reset' | 'late'

/** How a request ended, as its client saw it. */
export type Ending =
  | { readonly kind: 'status'; readonly status: number; readonly retryAfter: boolean }
  | { readonly kind: 'error'; readonly reason: string }

/**
 * - `ok`: 2xx or 3xx.
 * - `shed`: 503 with `Retry-After`.
 * - `resetByApplication`: marked `reset`, and the client saw a broken connection or a 502.
 * - `delayedByApplication`: marked `late`, and answered 2xx or 3xx.
 * - `failed`: everything else; a time-out is never the application's fault.
 */
export type Verdict = 'ok' | 'shed' | 'resetByApplication' | 'delayedByApplication' | 'failed'

/** A request that has no answer after this long has failed, in milliseconds. */
export const REQUEST_TIMEOUT_MS = 60_000
/** Answered later than this after it was due, a request counts as late, in milliseconds. */
export const LATE_AFTER_MS = 5_000
/** The reason of an ending without an answer in time. */
export const TIMED_OUT = 'no answer in time'
/** The reason of a request that was not sent, because too many were under way. */
export const TOO_MANY_OUTSTANDING = 'too many requests outstanding'

// Endings that a reset by the application can't explain.
const NEVER_BY_RESET: readonly string[] = [TIMED_OUT, TOO_MANY_OUTSTANDING, 'ECONNREFUSED']

/** Judges one ending. `mark` is what the request asked for, if anything. */
export function judge(mark: FaultMark | undefined, ending: Ending): Verdict {
  if (ending.kind === 'error') {
    return mark === 'reset' && !NEVER_BY_RESET.includes(ending.reason)
      ? 'resetByApplication'
      : 'failed'
  }
  if (ending.status >= 200 && ending.status < 400) {
    return mark === 'late' ? 'delayedByApplication' : 'ok'
  }
  if (ending.status === 503 && ending.retryAfter) return 'shed'
  return mark === 'reset' && ending.status === 502 ? 'resetByApplication' : 'failed'
}

/** Whether it counts as late: shed, or answered long after it was due. */
export function isLate(verdict: Verdict, latencyMs: number): boolean {
  if (verdict === 'shed') return true
  return (verdict === 'ok' || verdict === 'delayedByApplication') && latencyMs > LATE_AFTER_MS
}
