// Answers that the balancer gives itself: short plain text that says why.
import type { IncomingMessage, ServerResponse } from 'node:http'

/** How long the rest of an unwanted body is read, so that the client sees the answer, in ms. */
const LINGER_MS = 1_000

/** A status and the sentence that says why. */
export interface OwnAnswer {
  readonly status: number
  readonly text: string
  /** It is the connection's last answer. */
  readonly last?: boolean
}

/**
 * Sends an own answer. With an unread body the connection is closed, once the client could read it.
 */
export function sendOwnAnswer(
  request: IncomingMessage,
  response: ServerResponse,
  answer: OwnAnswer,
): void {
  const body = `plimsoll: ${answer.text}\n`
  const headers = ['Content-Type', 'text/plain; charset=utf-8']
  headers.push('Content-Length', String(Buffer.byteLength(body)))
  if (answer.status === 503) headers.push('Retry-After', '1')
  if (!request.complete || answer.last) headers.push('Connection', 'close')
  response.writeHead(answer.status, headers)
  if (request.complete) response.end(body)
  else {
    response.write(body)
    endAfterBody(request, response)
  }
}

/**
 * Ends a complete response whose request is still being sent: closing at once would reset the
 * connection before the client has read the answer.
 */
export function endAfterBody(request: IncomingMessage, response: ServerResponse): void {
  if (request.complete) {
    response.end()
    return
  }
  const end = () => {
    clearTimeout(timer)
    response.end()
  }
  const timer = setTimeout(end, LINGER_MS)
  request.removeAllListeners('data')
  request.once('end', end).once('close', end).resume()
}

/** The same as raw bytes, for a socket that no response object belongs to any more. */
export function rawOwnAnswer(answer: OwnAnswer): string {
  const body = `plimsoll: ${answer.text}\n`
  const reasons: Record<number, string> = {
    400: 'Bad Request',
    502: 'Bad Gateway',
    503: 'Service Unavailable',
    504: 'Gateway Timeout',
  }
  return [
    `HTTP/1.1 ${answer.status} ${reasons[answer.status] ?? 'Error'}`,
    'Content-Type: text/plain; charset=utf-8',
    `Content-Length: ${Buffer.byteLength(body)}`,
    ...(answer.status === 503 ? ['Retry-After: 1'] : []),
    'Connection: close',
    '',
    body,
  ].join('\r\n')
}
