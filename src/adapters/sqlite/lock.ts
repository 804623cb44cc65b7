// One controller per state folder: a lock that the kernel drops when its holder dies.
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'

/** The right to be the one controller of a state folder; lost with the process at the latest. */
export interface StateLock {
  release(): void
}

/** Takes the lock of a state folder, or returns undefined while another process holds it. */
export function lockState(stateDir: string): StateLock | undefined {
  const db = new DatabaseSync(join(stateDir, 'lock.sqlite'), { timeout: 0 })
  try {
    // An exclusive transaction holds the file locks for as long as this process lives.
    db.exec('BEGIN EXCLUSIVE')
  } catch (error) {
    db.close()
    if (/locked|busy/i.test((error as Error).message)) return undefined
    throw error
  }
  return { release: () => db.close() }
}
