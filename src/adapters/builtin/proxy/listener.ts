// The listening socket of one group: an HTTP server that turns what arrives into exchanges and
// tunnels.
import type { IncomingMessage, Server } from 'node:http'
import { createServer } from 'node:http'
import { Exchange } from './exchange.ts'
import type { Group } from './group.ts'
import { Tunnel } from './tunnel.ts'

/** A client may take this long over the head of a request, in milliseconds. */
const HEADERS_TIMEOUT_MS = 30_000
/** Long, so that clients rarely meet a connection that is just being closed. */
const KEEP_ALIVE_MS = 65_000
/** How often the head's time-out is looked at, in milliseconds. */
const CHECKING_MS = 5_000

// Offers of another HTTP or of TLS are ignored, as HTTP allows (RFC 9110, 7.8): some clients make
// them with every request. Everything else may become a tunnel.
function mayBecomeTunnel(request: IncomingMessage): boolean {
  return !/^(h2c|tls\/|http\/)/i.test(request.headers.upgrade ?? '')
}

/** A group's server. */
export class Listener {
  readonly group: Group
  readonly #server: Server

  constructor(group: Group) {
    this.group = group
    this.#server = createServer({
      headersTimeout: HEADERS_TIMEOUT_MS,
      // No limit on the whole body: silence is what the exchange bounds.
      requestTimeout: 0,
      keepAliveTimeout: KEEP_ALIVE_MS,
      connectionsCheckingInterval: CHECKING_MS,
      noDelay: true,
      shouldUpgradeCallback: mayBecomeTunnel,
    })
    this.#server.on('request', (request, response) => new Exchange(group, request, response))
    this.#server.on('checkContinue', (request, response) => {
      new Exchange(group, request, response, true)
    })
    this.#server.on(
      'upgrade',
      (request, socket, first) => new Tunnel(group, request, socket, first),
    )
  }

  /** Starts listening. Resolves with the reason when that is not possible. */
  open(): Promise<NodeJS.ErrnoException | undefined> {
    const { host, port } = this.group.config.listen
    const server = this.#server
    return new Promise((resolve) => {
      const failed = (error: NodeJS.ErrnoException) => {
        server.off('listening', listening)
        resolve(error)
      }
      const listening = () => {
        server.off('error', failed)
        server.on('error', () => {
          // A failed accept (too many open files) concerns one connection; the client retries it.
        })
        resolve(undefined)
      }
      server.once('error', failed).once('listening', listening)
      server.listen({ host, port, backlog: 1024 })
    })
  }

  isAt(listen: { readonly host: string; readonly port: number }): boolean {
    const own = this.group.config.listen
    return own.host === listen.host && own.port === listen.port
  }

  /** Ends the group: like `stopAccepting`, and waiting requests are shed. */
  close(): void {
    this.stopAccepting()
    this.group.close()
  }

  /** Stops accepting and closes idle connections; requests in flight and waiting go on. */
  stopAccepting(): void {
    this.group.closing = true
    if (this.#server.listening) this.#server.close()
    else this.#server.closeIdleConnections()
  }
}
