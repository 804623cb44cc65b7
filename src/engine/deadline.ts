// Every call to the outside has a deadline.
import type { Clock } from '../core/ports.ts'

/** What a call that took too long rejects with. */
export class DeadlineError extends Error {
  constructor(what: string, ms: number) {
    super(`${what} took longer than ${ms} ms`)
    this.name = 'DeadlineError'
  }
}

const DONE = 'the call has ended'

/**
 * Runs `call` with a signal that aborts after `ms`; rejects with DeadlineError even if it ignores
 * the signal.
 */
export async function withDeadline<T>(
  clock: Clock,
  what: string,
  ms: number,
  call: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const over = new AbortController()
  const done = new AbortController()
  const late = clock.sleep(ms, done.signal).then(() => {
    if (done.signal.aborted) return undefined as never
    over.abort(new DeadlineError(what, ms))
    throw new DeadlineError(what, ms)
  })
  // A call that throws before there is a promise must not leave the deadline to go off later.
  const result = new Promise<T>((resolve) => resolve(call(over.signal)))
  // After a deadline nobody looks at the result any more; it must not become an unhandled
  // rejection.
  result.catch(() => {})
  try {
    return await Promise.race([result, late])
  } finally {
    // With a reason of its own: making the usual one costs more than all the rest.
    done.abort(DONE)
  }
}
