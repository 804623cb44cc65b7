// One request and its response: streams both ways, with back-pressure and limits, and counts how it
// ended.
import type { ClientRequest, IncomingMessage, ServerResponse } from 'node:http'
import { type Ending, endingOf } from './counters.ts'
import type { Group } from './group.ts'
import {
  type Framing,
  framingOf,
  hasSeveralHosts,
  requestHeaders,
  responseHeaders,
} from './headers.ts'
import { endAfterBody, sendOwnAnswer } from './own-answer.ts'
import { type Failure, type Head, Route, type RouteOwner } from './route.ts'

const IDEMPOTENT = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE', 'PUT', 'DELETE'])

/** One request on its way through the balancer. It looks after itself once made. */
export class Exchange implements RouteOwner {
  readonly head: Head
  readonly #group: Group
  readonly #request: IncomingMessage
  readonly #response: ServerResponse
  readonly #framing: Framing
  readonly #route: Route
  readonly #arrivedAtMs = performance.now()
  /** The client waits for `100 Continue` before it sends the body. */
  #expectsContinue: boolean
  #bodyBytes = 0
  #upstream: ClientRequest | undefined
  #ending: Ending | undefined
  #settled = false

  constructor(
    group: Group,
    request: IncomingMessage,
    response: ServerResponse,
    expectsContinue = false,
  ) {
    this.#group = group
    this.#request = request
    this.#response = response
    this.#expectsContinue = expectsContinue
    this.#framing = framingOf(request)
    this.head = headOf(request, this.#framing, group.config.trustForwarded)
    this.#route = new Route(group, this)
    group.counters.arrived(this.#arrivedAtMs)
    response.once('close', () => this.#closed())
    response.on('error', ignoreError)
    request.on('error', ignoreError)
    this.#begin()
  }

  connected(upstream: ClientRequest): void {
    if (this.#expectsContinue) {
      this.#expectsContinue = false
      this.#response.writeContinue()
    }
    if (this.#framing.kind === 'none') {
      upstream.end()
      return
    }
    const request = this.#request
    this.#upstream = upstream
    upstream.flushHeaders()
    request.on('data', (chunk: Buffer) => {
      this.#bodyBytes += chunk.length
      if (this.#bodyBytes > this.#group.config.maxBodyBytes) this.#tooLarge()
      else if (!upstream.write(chunk)) request.pause()
    })
    request.on('end', () => upstream.end())
    upstream.on('drain', () => request.resume())
  }

  answered(upstream: IncomingMessage): void {
    const response = this.#response
    if (!this.#writeHead(upstream)) {
      this.#route.cancel()
      this.#answer('badGateway', 502, "the instance's response head can't be passed on")
      return
    }
    let started = false
    let ended = false
    upstream.on('data', (chunk: Buffer) => {
      started = true
      if (!response.write(chunk)) upstream.pause()
    })
    response.on('drain', () => upstream.resume())
    upstream.on('end', () => {
      ended = true
      this.#route.done()
      endAfterBody(this.#request, response)
    })
    upstream.on('error', ignoreError)
    upstream.on('close', () => {
      if (!ended) this.#truncated()
    })
    // A body that came in the same packet goes out together with the head.
    setImmediate(() => {
      if (!started && !ended) response.flushHeaders()
    })
  }

  upgraded(): void {
    throw new Error('an ordinary request was upgraded')
  }

  failed(failure: Failure): void {
    const { queueTimeoutMs, timeoutMs } = this.#group.config
    if (failure === 'shed') {
      const wait = this.#group.closing
        ? 'the group is gone'
        : `no instance had room within ${seconds(queueTimeoutMs)}`
      this.#answer('shed', 503, wait)
    } else if (failure === 'unsendable') {
      this.#answer('client', 400, "the request's head can't be passed on")
    } else if (failure === 'unreachable') {
      this.#answer('badGateway', 502, 'no instance could be reached')
    } else if (failure === 'broken') {
      this.#answer('badGateway', 502, 'the instance closed the connection without an answer')
    } else if (this.#clientStalled()) {
      this.#answer('client', 408, `the request's body stalled for ${seconds(timeoutMs)}`)
    } else {
      this.#answer('badGateway', 504, `the instance was silent for ${seconds(timeoutMs)}`)
    }
  }

  /** The body is incomplete, and not for want of the instance reading it. */
  #clientStalled(): boolean {
    return this.#upstream?.writableNeedDrain === false && !this.#request.complete
  }

  #begin(): void {
    if (hasSeveralHosts(this.#request)) {
      this.#answer('client', 400, 'there is more than one Host header')
    } else if (this.#framing.kind === 'unsupported') {
      this.#answer('client', 501, 'this transfer coding is not supported')
    } else if (
      this.#framing.kind === 'length' &&
      this.#framing.bytes > this.#group.config.maxBodyBytes
    ) {
      this.#tooLarge()
    } else this.#route.begin()
  }

  /** Returns false when the instance's head has characters that may not be sent. */
  #writeHead(upstream: IncomingMessage): boolean {
    const response = this.#response
    const status = upstream.statusCode ?? 502
    const headers = responseHeaders(upstream)
    if (this.#group.closing || !this.#request.complete) headers.push('Connection', 'close')
    try {
      response.writeHead(status, upstream.statusMessage ?? '', headers)
    } catch {
      // Node's parser takes some characters that its writer refuses; the caller answers 502.
      return false
    }
    this.#ending = endingOf(status)
    response.setTimeout(this.#group.config.timeoutMs)
    return true
  }

  #tooLarge(): void {
    this.#route.cancel()
    const text = `the body is larger than ${this.#group.config.maxBodyBytes} bytes`
    if (this.#response.headersSent) this.#response.destroy()
    else this.#answer('client', 413, text)
  }

  /** The instance broke off its response: the client must not take it for a whole one. */
  #truncated(): void {
    // A paused response means that the client stopped reading, which is not the instance's doing.
    const clientStalled = this.#response.writableNeedDrain
    const isOver = this.#response.destroyed || this.#response.writableEnded
    if (isOver || clientStalled) this.#route.done()
    else this.#route.brokeOff()
    if (isOver) return
    if (!clientStalled) this.#settle('badGateway')
    this.#response.destroy()
  }

  #answer(ending: Ending, status: number, text: string): void {
    if (this.#response.headersSent || this.#response.destroyed) {
      this.#response.destroy()
      return
    }
    const last = this.#group.closing
    sendOwnAnswer(this.#request, this.#response, { status, text, last })
    this.#settle(ending)
  }

  /** The response is through, or the client went away. */
  #closed(): void {
    this.#route.cancel()
    this.#settle(this.#response.writableFinished ? this.#ending : undefined)
  }

  /** Counts the end once; without an ending the client left before it had an answer. */
  #settle(ending: Ending | undefined): void {
    if (this.#settled) return
    this.#settled = true
    const nowMs = performance.now()
    this.#group.counters.left(nowMs)
    if (ending) this.#group.counters.ended(ending, nowMs - this.#arrivedAtMs)
  }
}

function headOf(request: IncomingMessage, framing: Framing, trust: boolean): Head {
  const method = request.method ?? 'GET'
  return {
    method,
    path: request.url ?? '/',
    headers: requestHeaders(request, framing, { trust, arrivedAtMs: Date.now() }),
    replayable: framing.kind === 'none' && IDEMPOTENT.has(method),
    tunnel: false,
  }
}

/** A duration for people: `5 s`, `0.25 s`. */
export function seconds(ms: number): string {
  return `${ms / 1000} s`
}

/** What follows from a broken stream is done when it closes. */
function ignoreError(): void {}
