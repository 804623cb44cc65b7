// One request over a kept-alive connection, as a correct HTTP client makes it: no retry, ever.
import { Agent, type IncomingMessage, type RequestOptions, request } from 'node:http'
import { type Ending, REQUEST_TIMEOUT_MS, TIMED_OUT } from './answer.ts'
import type { Shot } from './arrivals.ts'

// Connections are opened as needed and all of them kept for reuse; a spike leaves many idle.
const MAX_IDLE_SOCKETS = 20_000

/** Sends requests to one target. */
export interface Sender {
  /** Makes one request; `onEnd` is called once. Returns a function that gives the request up. */
  send(shot: Shot, onEnd: (ending: Ending) => void): () => void
  /** Closes all connections. */
  close(): void
}

/** Opens a sender. `target` is an `http:` URL; its path is ignored. */
export function openSender(target: URL): Sender {
  // The agent leaves a connection when the server says `Connection: close` or has closed it, and by
  // its `Keep-Alive` hint. A request that crosses the close on the wire fails, as for any client.
  const agent = new Agent({ keepAlive: true, maxFreeSockets: MAX_IDLE_SOCKETS })
  const host = target.hostname.replace(/^\[|\]$/g, '')
  const port = target.port === '' ? 80 : Number(target.port)
  return {
    send: (shot, onEnd) => {
      const options = { agent, host, port, method: shot.method, path: shot.path }
      return exchange({ ...options, headers: headersOf(shot) }, shot.body, onEnd)
    },
    close: () => agent.destroy(),
  }
}

function headersOf({ body, mark }: Shot): Record<string, string | number> {
  const headers: Record<string, string | number> = {}
  if (mark !== undefined) headers['x-fault'] = mark
  if (body !== undefined) {
    headers['content-type'] = 'application/json'
    headers['content-length'] = Buffer.byteLength(body)
  }
  return headers
}

function exchange(
  options: RequestOptions,
  body: string | undefined,
  onEnd: (ending: Ending) => void,
): () => void {
  let ended = false
  const end = (ending: Ending): void => {
    if (ended) return
    ended = true
    clearTimeout(timer)
    onEnd(ending)
  }
  const sent = request(options)
  const timer = setTimeout(() => {
    end({ kind: 'error', reason: TIMED_OUT })
    sent.destroy()
  }, REQUEST_TIMEOUT_MS)
  sent.on('response', (response) => readAnswer(response, end))
  sent.on('error', (error) => end({ kind: 'error', reason: reasonOf(error) }))
  // Whatever else happens, a request whose connection is gone has ended.
  sent.on('close', () => end({ kind: 'error', reason: 'closed before the answer was complete' }))
  sent.end(body)
  return () => {
    ended = true
    clearTimeout(timer)
    sent.destroy()
  }
}

/** An answer counts once its last byte is here: half an answer is a broken one. */
function readAnswer(response: IncomingMessage, end: (ending: Ending) => void): void {
  const status = response.statusCode ?? 0
  const retryAfter = response.headers['retry-after'] !== undefined
  response.on('end', () => end({ kind: 'status', status, retryAfter }))
  response.on('error', (error) => end({ kind: 'error', reason: reasonOf(error) }))
  response.resume()
}

function reasonOf(error: Error): string {
  return 'code' in error && typeof error.code === 'string' ? error.code : error.message
}
