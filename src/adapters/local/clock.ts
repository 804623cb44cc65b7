// The system's clock: the one place where time comes from.
import { performance } from 'node:perf_hooks'
import type { Cancel, Clock } from '../../core/ports.ts'

/** Wall time for display, monotonic time for durations. */
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  sleep: (ms: number, cancel: Cancel) =>
    new Promise((resolve) => {
      if (cancel.aborted) return resolve()
      const done = () => {
        clearTimeout(timer)
        cancel.removeEventListener('abort', done)
        resolve()
      }
      const timer = setTimeout(done, ms)
      cancel.addEventListener('abort', done, { once: true })
    }),
}
