// Clients are asked to leave workers that are about to end: each answer is then the last one on its
// connection, and nobody is on his way over a connection that closes.
import type { Cancel, Clock } from '../../core/ports.ts'
import { clientConnections } from './watch/clients.ts'

/**
 * How long clients are asked to leave before what is left is closed, in milliseconds: at most, and
 * while none does.
 */
const LEAVE_MS = 4_000
const IDLE_MS = 1_000
const POLL_MS = 100

/** How clients are asked to leave; who begins is to end it, too. */
export interface Leaving {
  readonly ports: ReadonlySet<number>
  /** From now on each answer of a generation's workers is the last one on its connection. */
  begin(generation: number): void
}

/**
 * Asks clients to leave the workers of a generation, and waits until the connections that there
 * are now are gone. Workers that leave close idle ones at once, and a request that is on its way
 * then is lost.
 */
export async function clientsLeft(
  { clock, cancel }: { readonly clock: Clock; readonly cancel: Cancel },
  leaving: Leaving,
  serving: number,
): Promise<void> {
  leaving.begin(serving)
  // Those that come from now on leave by themselves.
  let staying = clientConnections(leaving.ports)
  const endAtMs = clock.monotonic() + LEAVE_MS
  let waitUntilMs = clock.monotonic() + IDLE_MS
  while (staying.size > 0 && clock.monotonic() < waitUntilMs && !cancel.aborted) {
    await clock.sleep(POLL_MS, cancel)
    const now = clientConnections(leaving.ports)
    const remaining = new Set([...staying].filter((connection) => now.has(connection)))
    // What only waits may stay for long; as long as somebody leaves it is worth waiting.
    if (remaining.size < staying.size) waitUntilMs = Math.min(endAtMs, clock.monotonic() + IDLE_MS)
    staying = remaining
  }
}
