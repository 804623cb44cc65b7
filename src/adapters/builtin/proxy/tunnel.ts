// One upgraded connection (WebSocket and the like): a handshake through the balancer, then raw
// bytes both ways.
import type { ClientRequest, IncomingMessage } from 'node:http'
import { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { type Ending, endingOf } from './counters.ts'
import { seconds } from './exchange.ts'
import type { Group } from './group.ts'
import { framingOf, type RawHeaders, requestHeaders, responseHeaders } from './headers.ts'
import { rawOwnAnswer } from './own-answer.ts'
import { type Failure, type Head, Route, type RouteOwner } from './route.ts'

/**
 * Dead peers of an idle tunnel are noticed by TCP itself, after about this long without a packet.
 */
const TCP_KEEPALIVE_MS = 60_000
/** How long the last bytes of a closing tunnel may take. */
const FLUSH_MS = 5_000

/** One upgrade request. In flight until the tunnel closes; a tunnel has no latency. */
export class Tunnel implements RouteOwner {
  readonly head: Head
  readonly #group: Group
  readonly #client: Duplex
  readonly #first: Buffer
  readonly #route: Route
  #settled = false

  constructor(group: Group, request: IncomingMessage, client: Duplex, first: Buffer) {
    this.#group = group
    this.#client = client
    this.#first = first
    this.head = headOf(request, group.config.trustForwarded)
    this.#route = new Route(group, this)
    group.counters.arrived(performance.now())
    client.on('error', ignoreError)
    client.once('close', () => {
      this.#route.cancel()
      this.#settle(undefined)
    })
    const framing = framingOf(request)
    if (framing.kind === 'none') this.#route.begin()
    else this.#answer('client', 400, 'an upgrade request must not have a body')
  }

  connected(upstream: ClientRequest): void {
    upstream.end()
  }

  /** The instance refused the upgrade: its answer is passed on, and the connection closed. */
  answered(response: IncomingMessage): void {
    const client = this.#client
    const status = response.statusCode ?? 502
    this.#settle(endingOf(status))
    client.write(rawHead(response, [...responseHeaders(response), 'Connection', 'close']), 'latin1')
    response.pipe(client)
    response.on('error', ignoreError)
    response.on('close', () => {
      this.#route.done()
      // Whole, it ended the client's side already; broken off, it must not look whole.
      if (!response.complete) client.destroy()
    })
  }

  upgraded(response: IncomingMessage, instance: Duplex, first: Buffer): void {
    const client = this.#client
    this.#group.counters.ended('ok')
    const upgrade = response.headers.upgrade ?? ''
    const headers = [...responseHeaders(response), 'Connection', 'Upgrade', 'Upgrade', upgrade]
    client.write(rawHead(response, headers), 'latin1')
    if (first.length > 0) client.write(first)
    if (this.#first.length > 0) instance.write(this.#first)
    for (const socket of [client, instance]) {
      if (!(socket instanceof Socket)) continue
      socket.setTimeout(0)
      socket.setNoDelay(true)
      socket.setKeepAlive(true, TCP_KEEPALIVE_MS)
    }
    instance.on('error', ignoreError)
    client.pipe(instance)
    instance.pipe(client)
    // Either end closing closes the other; `close` of the client settles the rest.
    instance.once('close', () => {
      this.#route.done()
      closeWhenSent(client)
    })
    client.once('close', () => closeWhenSent(instance))
  }

  failed(failure: Failure): void {
    const { queueTimeoutMs, timeoutMs } = this.#group.config
    if (failure === 'shed') {
      this.#answer('shed', 503, `no instance had room within ${seconds(queueTimeoutMs)}`)
    } else if (failure === 'unsendable') {
      this.#answer('client', 400, "the request's head can't be passed on")
    } else if (failure === 'silent') {
      this.#answer('badGateway', 504, `the instance was silent for ${seconds(timeoutMs)}`)
    } else {
      this.#answer('badGateway', 502, 'the instance closed the connection without an answer')
    }
  }

  #answer(ending: Ending, status: number, text: string): void {
    this.#settle(ending)
    if (!this.#client.destroyed) this.#client.end(rawOwnAnswer({ status, text }))
  }

  #settle(ending: Ending | undefined): void {
    if (this.#settled) return
    this.#settled = true
    this.#group.counters.left(performance.now())
    if (ending) this.#group.counters.ended(ending)
  }
}

function headOf(request: IncomingMessage, trust: boolean): Head {
  const headers = requestHeaders(request, { kind: 'none' }, { trust, arrivedAtMs: Date.now() })
  headers.push('Connection', 'Upgrade', 'Upgrade', request.headers.upgrade ?? '')
  const method = request.method ?? 'GET'
  return { method, path: request.url ?? '/', headers, replayable: method === 'GET', tunnel: true }
}

function rawHead(response: IncomingMessage, headers: RawHeaders): string {
  let head = `HTTP/1.1 ${response.statusCode} ${response.statusMessage ?? ''}\r\n`
  for (let i = 0; i + 1 < headers.length; i += 2) head += `${headers[i]}: ${headers[i + 1]}\r\n`
  return `${head}\r\n`
}

/** Closes a socket once what was written is through, or can't be got rid of. */
function closeWhenSent(socket: Duplex): void {
  if (!(socket instanceof Socket)) {
    socket.destroy()
    return
  }
  socket.setTimeout(FLUSH_MS, () => socket.destroy())
  socket.destroySoon()
}

/** What follows from a broken socket is done when it closes. */
function ignoreError(): void {}
