// Questions to NGINX over its control socket: which configuration serves, and its own counters.
import { request } from 'node:http'
import { request as secure } from 'node:https'
import type { Cancel } from '../../core/ports.ts'

const TIMEOUT_MS = 1_000
const ANSWER_LIMIT = 4_096

/** NGINX's counters, over all groups and forwarders. */
export interface Counters {
  /** Requests since the master's start, less our own questions. */
  readonly requests: number
  /** Connections on which a request is being read, proxied or answered, without this question. */
  readonly busy: number
}

/** Where NGINX answers questions. */
export interface Door {
  readonly at: { readonly socketPath: string } | { readonly host: string; readonly port: number }
  /** The Host header that leads to the answers. */
  readonly name: string
  /** Whether the listener speaks TLS; whose certificate it is does not matter here. */
  readonly isTls?: boolean
}

/** Asks one NGINX, and keeps count of the questions: they are requests, too. */
export class Control {
  readonly #door: Door
  #asked = 0

  constructor(door: Door) {
    this.#door = door
  }

  /** The number of the configuration that answered, and the worker; undefined without an answer. */
  async generation(
    cancel?: Cancel,
  ): Promise<{ readonly generation: number; readonly worker: number } | undefined> {
    const match = /^(\d+) (\d+)$/.exec((await this.#ask('/generation', cancel)) ?? '')
    return match ? { generation: Number(match[1]), worker: Number(match[2]) } : undefined
  }

  /** The counters; undefined without an answer. */
  async counters(cancel?: Cancel): Promise<Counters | undefined> {
    const text = await this.#ask('/counters', cancel)
    const totals = /\n\s*\d+ \d+ (\d+)/.exec(text ?? '')
    const now = /Reading: (\d+) Writing: (\d+)/.exec(text ?? '')
    if (!totals || !now) return undefined
    const busy = Math.max(0, Number(now[1]) + Number(now[2]) - 1)
    return { requests: Number(totals[1]) - this.#asked, busy }
  }

  #ask(path: string, cancel?: Cancel): Promise<string | undefined> {
    this.#asked += 1
    return ask(this.#door, path, cancel)
  }
}

function ask(door: Door, path: string, cancel?: Cancel): Promise<string | undefined> {
  return new Promise((resolve) => {
    const { at, name } = door
    const asked = { ...at, path, agent: false, headers: { Host: name } } as const
    const tls = { servername: name, rejectUnauthorized: false }
    const question = door.isTls ? secure({ ...asked, ...tls }) : request(asked)
    const settle = (answer: string | undefined) => {
      clearTimeout(timer)
      cancel?.removeEventListener('abort', giveUp)
      question.destroy()
      resolve(answer)
    }
    const giveUp = () => settle(undefined)
    const timer = setTimeout(giveUp, TIMEOUT_MS)
    cancel?.addEventListener('abort', giveUp, { once: true })
    question.on('error', giveUp)
    question.on('response', (response) => {
      let text = ''
      response.setEncoding('latin1')
      response.on('data', (chunk: string) => {
        text += chunk
        if (text.length > ANSWER_LIMIT) giveUp()
      })
      response.on('error', giveUp)
      response.on('end', () => settle(response.statusCode === 200 ? text : undefined))
    })
    question.end()
  })
}
