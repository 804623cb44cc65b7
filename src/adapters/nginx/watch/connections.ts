// How many connections there are to a Unix socket, as the kernel counts them. With a draining
// target this is never too low: every request that it still has holds one.
import { readFileSync } from 'node:fs'

const ACCEPTS = 0x10000
const CONNECTED = '03'

/** Connections by the path of their listener; a listener without any is there, too. */
export function unixConnections(): ReadonlyMap<string, number> {
  return parseUnixSockets(read())
}

/** Reads the format of /proc/net/unix (proc(5)). */
export function parseUnixSockets(text: string): ReadonlyMap<string, number> {
  const counts = new Map<string, number>()
  for (const line of text.split('\n')) {
    // Num RefCount Protocol Flags Type St Inode Path
    const at = line.indexOf(' /')
    if (at < 0) continue
    const path = line.slice(at + 1)
    const fields = line.slice(0, at).trim().split(/\s+/)
    const isListener = (Number.parseInt(fields[3] ?? '', 16) & ACCEPTS) !== 0
    if (isListener) counts.set(path, counts.get(path) ?? 0)
    else if (fields[5] === CONNECTED) counts.set(path, (counts.get(path) ?? 0) + 1)
  }
  return counts
}

function read(): string {
  try {
    return readFileSync('/proc/net/unix', 'latin1')
  } catch {
    // Not Linux, or hidden: then nothing is known of any socket.
    return ''
  }
}
