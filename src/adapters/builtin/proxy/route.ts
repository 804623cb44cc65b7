// The way of one request to an instance: waits for room, connects, and tries elsewhere while that
// is safe.
import type { ClientRequest, IncomingMessage } from 'node:http'
import { request } from 'node:http'
import type { Duplex } from 'node:stream'
import type { Group, Seeker } from './group.ts'
import type { RawHeaders } from './headers.ts'
import type { Target } from './target.ts'

/** How often a request that was sent may be sent again: one that kills must not kill them all. */
const MAX_REPLAYS = 1
/**
 * Connections that may fail before a request is given up; each takes an instance out of rotation.
 */
const MAX_ATTEMPTS = 10

/** What is sent to an instance, but for the body. */
export interface Head {
  readonly method: string
  readonly path: string
  readonly headers: RawHeaders
  /** May be sent twice: the method is idempotent and there is no body. */
  readonly replayable: boolean
  /** Needs a connection of its own, because it becomes a tunnel. */
  readonly tunnel: boolean
}

/** Why a request got no answer from an instance. */
export type Failure = 'shed' | 'unreachable' | 'broken' | 'silent' | 'unsendable'

/** Whose request it is. */
export interface RouteOwner {
  readonly head: Head
  /** The connection stands; nothing was sent yet. Sends the body and ends `upstream`. */
  connected(upstream: ClientRequest): void
  answered(response: IncomingMessage): void
  upgraded(response: IncomingMessage, socket: Duplex, first: Buffer): void
  failed(failure: Failure): void
}

/**
 * Finds an instance for a request, once or again. After `done` or `cancel` nothing more is called.
 */
export class Route implements Seeker {
  readonly tried: Target[] = []
  readonly #group: Group
  readonly #owner: RouteOwner
  #target: Target | undefined
  #upstream: ClientRequest | undefined
  /** Bytes that the socket had received before this request; undefined: not connected yet. */
  #received: number | undefined
  #attempts = 0
  #replays = 0
  #answered = false
  #over = false

  constructor(group: Group, owner: RouteOwner) {
    this.#group = group
    this.#owner = owner
  }

  /** Asks for an instance. */
  begin(): void {
    if (!this.#group.seat(this)) this.#fail('shed')
  }

  expired(): void {
    this.#fail('shed')
  }

  dispatch(target: Target): void {
    this.#target = target
    this.#attempts += 1
    this.#received = undefined
    const upstream = this.#open(target)
    this.#upstream = upstream
    if (!upstream) {
      this.#fail('unsendable')
      return
    }
    this.#listen(upstream, target)
    // Without a body the head goes out with the end; a body waits until the connection stands.
    if (this.#owner.head.replayable) upstream.end()
  }

  /** The instance is done with the request: its room is free. */
  done(): void {
    this.#over = true
    // The answer came before the whole body was sent: nobody will end this request any more.
    if (this.#upstream && !this.#upstream.writableEnded) this.#upstream.destroy()
    this.#leave()
  }

  /** The instance broke off its answer. */
  brokeOff(): void {
    this.#target?.recent.failure(performance.now())
    this.done()
  }

  /** Ends the request wherever it is; the instance sees its connection close. */
  cancel(): void {
    if (this.#over) return
    this.#over = true
    this.#group.unseat(this)
    this.#upstream?.destroy()
    this.#leave()
  }

  #open(target: Target): ClientRequest | undefined {
    const { method, path, headers, replayable, tunnel } = this.#owner.head
    const reuse = replayable && this.#replays === 0 && !tunnel
    try {
      return request({
        agent: reuse ? target.reusing : target.fresh,
        host: target.host,
        port: target.port,
        method,
        path,
        headers,
        timeout: this.#group.config.timeoutMs,
      })
    } catch {
      // The parser takes a few characters that a client may not send on; nothing was sent.
      return undefined
    }
  }

  #listen(upstream: ClientRequest, target: Target): void {
    const isOver = () => this.#over || upstream !== this.#upstream
    upstream.on('socket', (socket) => {
      if (isOver()) return
      this.#received = socket.bytesRead
      if (!this.#owner.head.replayable) this.#owner.connected(upstream)
    })
    upstream.on('response', (response) => {
      if (isOver()) {
        response.destroy()
        return
      }
      this.#answered = true
      target.recent.request(performance.now())
      target.reusing.heed(String(response.headers['keep-alive'] ?? ''))
      this.#owner.answered(response)
    })
    upstream.on('upgrade', (response, socket, first) => {
      if (isOver() || !this.#owner.head.tunnel) socket.destroy()
      else this.#owner.upgraded(response, socket, first)
    })
    upstream.on('timeout', () => {
      if (isOver()) return
      if (this.#answered) upstream.destroy()
      else {
        // A body that is still on its way may be what is silent.
        if (upstream.writableEnded) noteFailure(target)
        this.#fail('silent')
      }
    })
    upstream.on('error', (error) => {
      if (!isOver() && !this.#answered) this.#broke(error, upstream, target)
    })
  }

  /** The connection failed before a response head came. */
  #broke(error: NodeJS.ErrnoException, upstream: ClientRequest, target: Target): void {
    this.tried.push(target)
    if (this.#received === undefined) {
      noteFailure(target)
      this.#leave()
      if (error.code === 'ECONNREFUSED') this.#group.refused(target)
      if (this.#attempts < MAX_ATTEMPTS) this.#again()
      else this.#fail('unreachable')
      return
    }
    const untouched = upstream.socket?.bytesRead === this.#received
    // An idle connection may be closed at any time; that is nobody's failure.
    if (!untouched || !upstream.reusedSocket) noteFailure(target)
    if (!untouched || !this.#owner.head.replayable || this.#replays >= MAX_REPLAYS) {
      this.#fail('broken')
      return
    }
    this.#replays += 1
    this.#leave()
    this.#again()
  }

  #again(): void {
    this.#group.counters.retried()
    this.begin()
  }

  #fail(failure: Failure): void {
    this.#over = true
    this.#upstream?.destroy()
    this.#leave()
    this.#owner.failed(failure)
  }

  #leave(): void {
    const target = this.#target
    this.#target = undefined
    if (target) this.#group.release(target)
  }
}

function noteFailure({ recent }: Target): void {
  const nowMs = performance.now()
  recent.request(nowMs)
  recent.failure(nowMs)
}
