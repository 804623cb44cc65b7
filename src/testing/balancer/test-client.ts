// An HTTP client for the balancer's conformance suite: it never retries, and it reports instead of
// throwing.
import type { IncomingHttpHeaders } from 'node:http'
import { Agent, request } from 'node:http'
import { connect } from 'node:net'
import type { Echo } from './test-instance.ts'

/** What a test sends. */
export interface Sent {
  readonly method?: string
  readonly headers?: Record<string, string>
  readonly body?: string | Buffer
  readonly agent?: Agent
  readonly signal?: AbortSignal
}

/** What came back; status 0 with the error's text when nothing did. */
export interface Got {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly body: string
}

/** Sends one request to 127.0.0.1. */
export function send(port: number, path: string, sent: Sent = {}): Promise<Got> {
  return new Promise((resolve) => {
    const { method = 'GET', headers = {}, agent = new Agent(), signal } = sent
    const outgoing = request({
      host: '127.0.0.1',
      port,
      path,
      method,
      headers,
      agent,
      ...(signal && { signal }),
    })
    const fail = (error: Error) => resolve({ status: 0, headers: {}, body: error.message })
    outgoing.on('error', fail)
    outgoing.on('response', (response) => {
      const chunks: Buffer[] = []
      response.on('data', (chunk: Buffer) => chunks.push(chunk))
      response.on('error', fail)
      response.on('end', () => {
        const body = Buffer.concat(chunks).toString('utf8')
        resolve({ status: response.statusCode ?? 0, headers: response.headers, body })
      })
    })
    outgoing.end(sent.body)
  })
}

/** Reads an answer of `/echo`. */
export function echoOf(got: Got): Echo {
  return JSON.parse(got.body) as Echo
}

/** What a load brought. */
export interface LoadResult {
  readonly requests: number
  /** Status and body of each answer that was not the expected echo. */
  readonly failures: readonly string[]
}

/**
 * Keeps `inFlight` requests going, half of them POST, over keep-alive connections, until `during`
 * is done.
 */
export async function underLoad(
  port: number,
  inFlight: number,
  during: () => Promise<void>,
): Promise<LoadResult> {
  const agent = new Agent({ keepAlive: true, maxSockets: inFlight })
  const failures: string[] = []
  let requests = 0
  let over = false
  const user = async () => {
    while (!over) {
      requests += 1
      const body = requests % 2 === 0 ? `body ${requests}` : ''
      const method = body ? 'POST' : 'GET'
      const got = await send(port, `/echo?ms=${requests % 20}`, { method, body, agent })
      if (got.status !== 200 || echoOf(got).body !== body) {
        failures.push(`${method}: ${got.status} ${got.body}`)
      }
    }
  }
  const users = Array.from({ length: inFlight }, user)
  try {
    await during()
  } finally {
    over = true
    await Promise.all(users)
    agent.destroy()
  }
  return { requests, failures }
}

/**
 * Writes raw bytes and resolves with everything that came until the connection closed or `ms`
 * passed.
 */
export function sendRaw(port: number, bytes: string, ms = 2_000): Promise<string> {
  return new Promise((resolve) => {
    let received = ''
    const socket = connect({ host: '127.0.0.1', port }, () => socket.write(bytes))
    const timer = setTimeout(() => socket.destroy(), ms)
    socket.on('data', (chunk) => {
      received += chunk.toString('latin1')
    })
    socket.on('error', () => socket.destroy())
    socket.on('close', () => {
      clearTimeout(timer)
      resolve(received)
    })
  })
}
