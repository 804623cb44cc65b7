// One at a time changes NGINX's files: a lock that the kernel gives back when its holder dies.
import { DatabaseSync } from 'node:sqlite'
import type { Cancel, Clock } from '../../core/ports.ts'

const POLL_MS = 10
/** Longest wait for the lock, in milliseconds. */
const WAIT_MS = 15_000

/**
 * Runs `change` while nobody else, in this process or another, runs one on the same file.
 * @throws Error when the lock is not to be had in time, or the wait was cancelled
 */
export async function withLock<T>(
  path: string,
  { clock, cancel }: { readonly clock: Clock; readonly cancel: Cancel },
  change: () => Promise<T>,
): Promise<T> {
  const endAtMs = clock.monotonic() + WAIT_MS
  for (;;) {
    const database = taken(path)
    if (database) {
      try {
        return await change()
      } finally {
        database.close()
      }
    }
    if (cancel.aborted || clock.monotonic() > endAtMs) {
      throw new Error('another controller is changing NGINX')
    }
    await clock.sleep(POLL_MS, cancel)
  }
}

function taken(path: string): DatabaseSync | undefined {
  const database = new DatabaseSync(path)
  try {
    // Nothing is ever written: with its journal in memory it is to be had on a full disk, too.
    database.exec('PRAGMA journal_mode = MEMORY; PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE')
    return database
  } catch (error) {
    database.close()
    if (error instanceof Error && /locked|busy/i.test(error.message)) return undefined
    throw error
  }
}
