// The control channel inside the balancer process: HTTP over a private Unix socket.
import { randomUUID } from 'node:crypto'
import { chmodSync, rmSync } from 'node:fs'
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import { createServer } from 'node:http'
import type { Fault } from '../../core/model.ts'
import type { BalancerGroup } from '../../core/ports.ts'
import { PROTOCOL } from './control-client.ts'
import { parseGroups } from './parse-groups.ts'
import type { Fleet } from './proxy/fleet.ts'

/** Largest configuration, in bytes. */
const BODY_LIMIT = 8_000_000
/** A call that waits for changes is answered at the latest after this long, in milliseconds. */
const LONG_POLL_MS = 10_000
/** Changes within this time are told together, in milliseconds. */
const GATHER_MS = 20

/** What the process does for the channel. */
export interface ControlActions {
  readonly fleet: Fleet
  configure(groups: readonly BalancerGroup[]): Promise<readonly Fault[]>
  stop(graceMs: number): void
}

/** Answers the controller. */
export class Control {
  readonly #actions: ControlActions
  readonly #startId = randomUUID()
  readonly #server: Server
  readonly #watchers = new Set<ServerResponse>()
  #version = 0
  #gathering: NodeJS.Timeout | undefined

  constructor(actions: ControlActions) {
    this.#actions = actions
    this.#server = createServer((request, response) => {
      this.#handle(request, response).catch((error: unknown) => {
        reply(response, 500, { error: String(error) })
      })
    })
  }

  /**
   * Listens on `path`, for this user alone. The caller holds the lock, so a file there is stale.
   */
  listen(path: string): Promise<void> {
    rmSync(path, { force: true })
    const mask = process.umask(0o177)
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject)
      this.#server.listen(path, () => {
        chmodSync(path, 0o600)
        resolve()
      })
      process.umask(mask)
    })
  }

  /** Something changed that a controller wants to look at soon. */
  changed(): void {
    this.#version += 1
    this.#gathering ??= setTimeout(() => {
      this.#gathering = undefined
      for (const watcher of this.#watchers) this.#answerWatcher(watcher)
    }, GATHER_MS)
  }

  async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', 'http://balancer')
    const route = `${request.method} ${url.pathname}`
    if (route === 'GET /status') {
      const since = url.searchParams.get('since')
      if (since === this.#mark()) this.#watch(response)
      else reply(response, 200, this.#status())
    } else if (route === 'PUT /groups') {
      const groups = parseGroups(await readJson(request))
      if (typeof groups === 'string') reply(response, 422, { error: groups })
      else reply(response, 200, { faults: await this.#actions.configure(groups) })
    } else if (route === 'POST /stop') {
      const body = (await readJson(request)) as { graceMs?: unknown }
      reply(response, 202, {})
      this.#actions.stop(Number(body.graceMs) || 0)
    } else reply(response, 404, { error: 'unknown' })
  }

  #watch(response: ServerResponse): void {
    const timer = setTimeout(() => this.#answerWatcher(response), LONG_POLL_MS)
    this.#watchers.add(response)
    response.once('close', () => {
      clearTimeout(timer)
      this.#watchers.delete(response)
    })
  }

  #answerWatcher(response: ServerResponse): void {
    this.#watchers.delete(response)
    if (!response.writableEnded) reply(response, 200, this.#status())
  }

  /** Names a state of health and drain of this process. */
  #mark(): string {
    return `${this.#startId}:${this.#version}`
  }

  #status() {
    return {
      protocol: PROTOCOL,
      pid: process.pid,
      startId: this.#startId,
      mark: this.#mark(),
      monotonicMs: performance.now(),
      groups: this.#actions.fleet.status(),
    }
  }
}

function reply(response: ServerResponse, status: number, body: unknown): void {
  if (response.headersSent) return
  response.writeHead(status, { 'Content-Type': 'application/json' }).end(JSON.stringify(body))
}

async function readJson(request: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of request) {
    size += (chunk as Buffer).length
    if (size > BODY_LIMIT) throw new Error('the body is too large')
    chunks.push(chunk as Buffer)
  }
  return JSON.parse(Buffer.concat(chunks).toString('utf8'))
}
