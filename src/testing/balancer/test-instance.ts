// A small real application for the balancer's conformance suite: it echoes, dawdles, resets and
// hangs on demand.
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import { createServer } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import type { BalancerTarget } from '../../core/ports.ts'

/** What `/echo` answers. */
export interface Echo {
  readonly instance: string
  readonly method: string
  readonly url: string
  readonly headers: Record<string, string | undefined>
  readonly body: string
}

/** One instance on a port of its own. */
export class TestInstance {
  readonly name: string
  /** Answers nothing, its health check included, while connections are still accepted. */
  hung = false
  /** Resets the connection of every request to `/flaky`. */
  flaky = false
  /** Requests that reached the application, health checks aside. */
  requests = 0
  #server: Server
  #port: number
  readonly #socket: string | undefined
  #release: (() => void) | undefined
  readonly #sockets = new Set<Socket>()

  constructor(name: string, { socket, port = 0 }: { socket?: string; port?: number } = {}) {
    this.name = name
    this.#socket = socket
    this.#port = port
    this.#server = this.#create()
  }

  /** On a port of 127.0.0.1, any free one if none is given, or on a Unix socket. */
  static async start(
    name: string,
    at: { socket?: string; port?: number } = {},
  ): Promise<TestInstance> {
    const instance = new TestInstance(name, at)
    await instance.listen()
    return instance
  }

  /** Listens; after `die` on the same port as before. */
  async listen(): Promise<void> {
    if (!this.#server.listening) this.#server = this.#create()
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject)
      if (this.#socket !== undefined) this.#server.listen(this.#socket, resolve)
      else this.#server.listen(this.#port, '127.0.0.1', resolve)
    })
    if (this.#socket === undefined) this.#port = (this.#server.address() as AddressInfo).port
  }

  /** Is gone at once, like a killed process. */
  async die(): Promise<void> {
    const server = this.#server
    if (!server.listening) return
    const closed = new Promise((resolve) => server.close(resolve))
    for (const socket of this.#sockets) this.#reset(socket)
    await closed
  }

  target(state: BalancerTarget['state'] = 'active'): BalancerTarget {
    const at = this.#socket === undefined ? {} : { socket: this.#socket }
    return { instance: this.name, host: '127.0.0.1', port: this.#port, ...at, state }
  }

  // Only TCP knows a reset; a Unix socket's other end sees one where data was left unread.
  #reset(socket: Socket): void {
    if (this.#socket === undefined) socket.resetAndDestroy()
    else socket.destroy()
  }

  #create(): Server {
    const server = createServer((request, response) => this.#answer(request, response))
    server.on('connection', (socket: Socket) => {
      this.#sockets.add(socket)
      socket.once('close', () => this.#sockets.delete(socket))
    })
    server.on('upgrade', (_request, socket, first) => {
      socket.on('error', () => socket.destroy())
      socket.write(
        'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n',
      )
      socket.write(first)
      socket.pipe(socket)
    })
    return server
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    if (this.hung) return
    const url = new URL(request.url ?? '/', 'http://instance')
    if (url.pathname === '/healthz') {
      response.end('ok')
      return
    }
    this.requests += 1
    response.on('error', () => response.destroy())
    if (url.pathname === '/reset' || (url.pathname === '/flaky' && this.flaky)) {
      this.#reset(request.socket)
    } else if (url.pathname === '/events') this.#events(request, response)
    else if (url.pathname === '/head') {
      response.flushHeaders()
      this.#release = () => response.end('the body')
    } else if (url.pathname === '/mirror') request.pipe(response)
    else if (url.pathname === '/release') {
      this.#release?.()
      response.end()
    } else if (url.pathname !== '/never') this.#echo(request, response, url)
  }

  /** An event at once, and another one when `/release` is called. */
  #events(request: IncomingMessage, response: ServerResponse): void {
    response.writeHead(200, { 'Content-Type': 'text/event-stream' })
    response.write('data: first\n\n')
    this.#release = () => response.end('data: last\n\n')
    request.once('close', () => {
      this.#release = undefined
    })
  }

  #echo(request: IncomingMessage, response: ServerResponse, url: URL): void {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      const echo: Echo = {
        instance: this.name,
        method: request.method ?? '',
        url: request.url ?? '',
        headers: request.headers as Record<string, string | undefined>,
        body: Buffer.concat(chunks).toString('utf8'),
      }
      const status = Number(url.searchParams.get('status') ?? 200)
      setTimeout(
        () => response.writeHead(status, { 'X-Instance': this.name }).end(JSON.stringify(echo)),
        Number(url.searchParams.get('ms') ?? 0),
      )
    })
  }
}
