// For tests: visitors of somebody's sites over keep-alive connections, plain and TLS.
import { Agent, request } from 'node:http'
import { Agent as SecureAgent, request as secureRequest } from 'node:https'
import { setTimeout as sleep } from 'node:timers/promises'

/** Where visitors go, and what they must be answered. */
export interface Site {
  readonly port: number
  readonly isTls?: boolean
  readonly host?: string
  readonly answer: string
}

interface Got {
  readonly text: string
  /** The connection had served before. */
  readonly isReused: boolean
}

/** Visitors that never pause for longer than a few milliseconds, until they are called back. */
export class Visitors {
  readonly failures: string[] = []
  /** Requests that met a connection which had just been closed while idle, and were repeated. */
  repeated = 0
  requests = 0
  readonly #site: Site
  readonly #agent: Agent
  readonly #done: Promise<unknown>
  #isOver = false

  constructor(site: Site, count: number) {
    this.#site = site
    const options = { keepAlive: true, maxSockets: count }
    this.#agent = site.isTls
      ? new SecureAgent({ ...options, rejectUnauthorized: false })
      : new Agent(options)
    this.#done = Promise.all(Array.from({ length: count }, (_, n) => this.#visit(n)))
  }

  /** Resolves once all of them have their last answer. */
  async leave(): Promise<void> {
    this.#isOver = true
    await this.#done
    this.#agent.destroy()
  }

  async #visit(n: number): Promise<void> {
    while (!this.#isOver) {
      this.requests += 1
      const got = await this.#ask(this.#agent)
      if (got.text !== this.#site.answer) await this.#again(got)
      await sleep((this.requests + n) % 10)
    }
  }

  // What browsers do: a connection that was closed while idle says nothing about the request.
  async #again(got: Got): Promise<void> {
    if (!got.isReused || !got.text.startsWith('error: ')) {
      this.failures.push(got.text)
      return
    }
    this.repeated += 1
    const fresh = this.#site.isTls ? new SecureAgent({ rejectUnauthorized: false }) : new Agent()
    const second = await this.#ask(fresh)
    if (second.text !== this.#site.answer) this.failures.push(second.text)
  }

  #ask(agent: Agent): Promise<Got> {
    const { port, host = 'localhost', isTls } = this.#site
    const options = { host: '127.0.0.1', port, agent, headers: { Host: host } }
    return new Promise((resolve) => {
      const asked = isTls ? secureRequest(options) : request(options)
      asked.on('error', ({ message }) => {
        resolve({ text: `error: ${message}`, isReused: asked.reusedSocket })
      })
      asked.on('response', (response) => {
        let text = ''
        response.on('data', (chunk: Buffer) => {
          text += chunk.toString()
        })
        response.on('error', ({ message }) => resolve({ text: `cut: ${message}`, isReused: false }))
        response.on('end', () => {
          const answered = response.statusCode === 200 ? text : `${response.statusCode} ${text}`
          resolve({ text: answered, isReused: asked.reusedSocket })
        })
      })
      asked.end()
    })
  }
}
