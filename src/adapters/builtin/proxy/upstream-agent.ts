// Connections to one instance. A request gets its socket only once it is connected, so a failure
// before that proves that nothing was sent.
import type { ClientRequestArgs } from 'node:http'
import { Agent } from 'node:http'
import { connect, Socket } from 'node:net'
import type { Duplex } from 'node:stream'

/**
 * An idle connection is closed after this long, in milliseconds, or sooner if the server hints so.
 */
const MAX_IDLE_MS = 4_000
/**
 * How long before the server's announced time-out an idle connection is given up, in milliseconds.
 */
const IDLE_MARGIN_MS = 1_000
const CONNECT_TIMEOUT_MS = 1_500

/** An address, or the path of a Unix socket. */
export type Place = { readonly host: string; readonly port: number } | { readonly path: string }

/** Opens connections to one place and, with `keepAlive`, keeps idle ones for a short while. */
export class UpstreamAgent extends Agent {
  readonly #at: Place
  #keepIdle = true
  #hint = ''
  #idleMs = MAX_IDLE_MS

  constructor(at: Place, keepAlive: boolean) {
    super({ keepAlive, scheduling: 'lifo' })
    this.#at = at
  }

  override createConnection(
    _options: ClientRequestArgs,
    callback?: (error: Error | null, stream: Duplex) => void,
  ): undefined {
    const socket = connect({ ...this.#at, noDelay: true })
    const settle = (error: Error | null) => {
      socket.off('connect', connected).off('error', settle).off('timeout', tooSlow)
      if (error) socket.on('error', ignoreLateError)
      callback?.(error, socket)
    }
    const connected = () => {
      socket.setTimeout(0)
      settle(null)
    }
    const tooSlow = () => socket.destroy(new Error('the connection was not accepted in time'))
    socket.setTimeout(CONNECT_TIMEOUT_MS)
    socket.on('connect', connected).on('error', settle).on('timeout', tooSlow)
  }

  /** Whether an idle connection is kept; the server's hint and the margin decide how long. */
  override keepSocketAlive(socket: Duplex): boolean {
    if (!this.#keepIdle || this.#idleMs <= 0 || !(socket instanceof Socket)) return false
    socket.setTimeout(this.#idleMs)
    return true
  }

  /** Takes note of a response's `Keep-Alive` header. */
  heed(keepAlive: string): void {
    if (keepAlive === this.#hint) return
    this.#hint = keepAlive
    this.#idleMs = idleTime(keepAlive)
  }

  /** Whether idle connections are kept at all. Without, they are closed now; ones in use finish. */
  keepIdle(keep: boolean): void {
    this.#keepIdle = keep
    if (keep) return
    for (const sockets of Object.values(this.freeSockets)) {
      for (const socket of [...(sockets ?? [])]) socket.destroy()
    }
  }
}

/**
 * How long an idle connection may be kept, in milliseconds, given a `Keep-Alive` header or ''; 0:
 * not.
 */
export function idleTime(keepAlive: string): number {
  const seconds = /(?:^|[\s,])timeout=(\d+)/i.exec(keepAlive)?.[1]
  if (!seconds) return MAX_IDLE_MS
  return Math.max(0, Math.min(MAX_IDLE_MS, Number(seconds) * 1000 - IDLE_MARGIN_MS))
}

/** The first error was reported already; a second one on a dead socket has nobody to tell. */
function ignoreLateError(): void {}
