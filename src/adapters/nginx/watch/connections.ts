// How many connections there are to a Unix socket or a TCP address, as the kernel counts them. With
// a draining target this is never too low: every request that it still has holds one.
import { readFileSync } from 'node:fs'

const ACCEPTS = 0x10000
const CONNECTED = '03'

/** Connections by the path of their listener; a listener without any is there, too. */
export function unixConnections(): ReadonlyMap<string, number> {
  return parseUnixSockets(read('/proc/net/unix'))
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

/** States of a TCP connection (Linux's net/tcp_states.h) in which an answer may still come. */
const OPEN = new Set(['01', '02', '08'])

/**
 * Connections of a user to IPv4 addresses, by `HOST:PORT`; of all users where none is given.
 * Undefined where the kernel does not tell.
 */
export function tcpConnections(uid: number | undefined): ReadonlyMap<string, number> | undefined {
  const text = read('/proc/net/tcp')
  return text === '' ? undefined : parseTcpSockets(text, uid)
}

/** Reads the format of /proc/net/tcp (proc(5)). */
export function parseTcpSockets(
  text: string,
  uid: number | undefined,
): ReadonlyMap<string, number> {
  const counts = new Map<string, number>()
  for (const line of text.split('\n').slice(1)) {
    // sl local_address rem_address st tx_queue:rx_queue tr:tm->when retrnsmt uid …
    const fields = line.trim().split(/\s+/, 8)
    const [, , remote = '', state = '', , , , owner] = fields
    if (!OPEN.has(state) || (uid !== undefined && Number(owner) !== uid)) continue
    const address = addressOf(remote)
    counts.set(address, (counts.get(address) ?? 0) + 1)
  }
  return counts
}

// The address in the byte order of the machine, little-endian wherever Node runs; then the port.
function addressOf(hex: string): string {
  const bytes = [6, 4, 2, 0].map((at) => Number.parseInt(hex.slice(at, at + 2), 16))
  return `${bytes.join('.')}:${Number.parseInt(hex.slice(9), 16)}`
}

function read(path: string): string {
  try {
    return readFileSync(path, 'latin1')
  } catch {
    // Not Linux, or hidden: then nothing is known of any socket.
    return ''
  }
}
