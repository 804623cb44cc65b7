// Notices that the balancer process ended, or that a target's health or drain changed.
import type { Clock } from '../../core/ports.ts'
import { readStatus } from './control-client.ts'

/** How long after a lost connection the process is looked for again, in milliseconds. */
const RETRY_MS = 200
/** Longer than the process lets such a call wait, in milliseconds. */
const LONG_POLL_MS = 15_000

/**
 * Waits for changes until `stop` is aborted, and calls `changed` for each. A killed process is
 * noticed at once, because the waiting call breaks; while it is away only its return is told.
 */
export async function watchBalancer(
  socketPath: string,
  clock: Clock,
  changed: () => void,
  stop: AbortSignal,
): Promise<void> {
  let mark: string | undefined
  let lost = false
  while (!stop.aborted) {
    const since = mark === undefined ? {} : { since: mark }
    const status = await readStatus(socketPath, {
      ...since,
      timeoutMs: LONG_POLL_MS,
      cancel: stop,
      background: true,
    })
    if (stop.aborted) return
    if ('fault' in status) {
      if (!lost) changed()
      lost = true
      mark = undefined
      await clock.sleep(RETRY_MS, stop)
    } else {
      if (lost || (mark !== undefined && mark !== status.mark)) changed()
      lost = false
      mark = status.mark
    }
  }
}
