// What waits to be accepted by a worker that leaves: the kernel resets it, unless it is told to
// hand it to another listener of the same port.
import { readFileSync, writeFileSync } from 'node:fs'

/** Linux 5.14 and later; `net.ipv4.tcp_migrate_req` of the network namespace. */
const SWITCH = '/proc/sys/net/ipv4/tcp_migrate_req'

/**
 * Has the kernel hand over what waits while `body` runs, where it can and we may (root); elsewhere
 * `body` just runs, and a client may be reset under load. Other programs notice nothing: it only
 * concerns listeners that close while others share their port.
 */
export async function whileMigrating<T>(body: () => Promise<T>): Promise<T> {
  const isOurs = read() === '0' && write('1')
  try {
    return await body()
  } finally {
    if (isOurs) write('0')
  }
}

function read(): string | undefined {
  try {
    return readFileSync(SWITCH, 'latin1').trim()
  } catch {
    // An older kernel, or another system.
    return undefined
  }
}

function write(value: '0' | '1'): boolean {
  try {
    writeFileSync(SWITCH, value)
    return true
  } catch {
    // Not root, or a container that may not.
    return false
  }
}
