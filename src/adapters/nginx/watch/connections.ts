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

/**
 * A line of /proc/net/tcp (proc(5)): sl local_address rem_address st tx_queue:rx_queue tr:tm->when
 * retrnsmt uid. Only states in which an answer may still come (Linux's net/tcp_states.h): a busy
 * machine has tens of thousands of others.
 */
const OPEN = /^ *\d+: \w+:\w+ (\w{8}:\w{4}) (?:01|02|08) \S+ \S+ \S+ +(\d+) /gm

/** How old a count may be, in milliseconds: while something drains, and else. */
const MOST_AGE_MS = { draining: 150, calm: 2_000 }
/** So much longer than the last count took is waited until the next, at least. */
const PAUSE = { draining: 4, calm: 50 }

/** Connections of a user to IPv4 addresses. Counting is dear, and not done more than needed. */
export class TcpConnections {
  readonly #uid: number | undefined
  readonly #monotonic: () => number
  #counts: ReadonlyMap<string, number> | undefined
  #countedAtMs = Number.NEGATIVE_INFINITY
  #tookMs = 0

  /** Those of all users without a `uid`. */
  constructor(uid: number | undefined, monotonic: () => number) {
    this.#uid = uid
    this.#monotonic = monotonic
  }

  /** By `HOST:PORT`; undefined where the kernel does not tell. */
  counts(isDraining: boolean): ReadonlyMap<string, number> | undefined {
    const state = isDraining ? 'draining' : 'calm'
    const startMs = this.#monotonic()
    const ageMs = startMs - this.#countedAtMs
    if (ageMs < Math.max(MOST_AGE_MS[state], PAUSE[state] * this.#tookMs)) return this.#counts
    const text = read('/proc/net/tcp')
    this.#counts = text === '' ? undefined : parseTcpSockets(text, this.#uid)
    this.#countedAtMs = startMs
    this.#tookMs = this.#monotonic() - startMs
    return this.#counts
  }
}

/** Connections in which an answer may still come, by `HOST:PORT`. */
export function parseTcpSockets(
  text: string,
  uid: number | undefined,
): ReadonlyMap<string, number> {
  const counts = new Map<string, number>()
  for (const [, remote = '', owner] of text.matchAll(OPEN)) {
    if (uid !== undefined && Number(owner) !== uid) continue
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
