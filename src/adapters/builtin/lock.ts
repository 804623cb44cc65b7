// One balancer process per state folder: a lock that the kernel gives back when its holder dies.
import { DatabaseSync } from 'node:sqlite'

/** Held until the process ends; kept here because a collected database would give it back. */
const held: DatabaseSync[] = []

/** Takes the lock for the rest of this process's life. Returns false when another one has it. */
export function takeLock(path: string): boolean {
  const database = new DatabaseSync(path)
  try {
    database.exec('PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE')
  } catch (error) {
    database.close()
    if (error instanceof Error && /locked|busy/i.test(error.message)) return false
    throw error
  }
  held.push(database)
  return true
}
