// Calls to the balancer process over its Unix socket, each with a deadline.
import { request } from 'node:http'
import { fault } from '../../core/errors.ts'
import type { Fault } from '../../core/model.ts'
import type { BalancerStatus, Cancel } from '../../core/ports.ts'

/** Version of the control channel; another one is not adopted. */
export const PROTOCOL = 1
/** How long an ordinary call may take, in milliseconds. */
export const CALL_TIMEOUT_MS = 2_000
/** Largest answer, in bytes. */
const ANSWER_LIMIT = 32_000_000

/** What the process says of itself. */
export interface ProcessStatus {
  readonly protocol: number
  readonly pid: number
  readonly startId: string
  /** Pass as `since` to wait for the next change. */
  readonly mark: string
  readonly monotonicMs: number
  readonly groups: Extract<BalancerStatus, { kind: 'up' }>['groups']
}

/** One call over the control socket. */
export interface Call {
  readonly method: 'GET' | 'PUT' | 'POST'
  readonly path: string
  readonly body?: unknown
  /** Default: CALL_TIMEOUT_MS. */
  readonly timeoutMs?: number
  readonly cancel?: Cancel
  /** The call does not keep the controller's process alive. */
  readonly background?: boolean
}

/** What came of a call: any HTTP status is an answer. */
export type Answer =
  | { readonly kind: 'answer'; readonly status: number; readonly body: unknown }
  | { readonly kind: 'fault'; readonly fault: Fault }

/** Makes one call. Whatever goes wrong is a fault: E_TIMEOUT for the deadline, else E_BALANCER. */
export function callBalancer(socketPath: string, call: Call): Promise<Answer> {
  return new Promise((resolve) => {
    const timeoutMs = call.timeoutMs ?? CALL_TIMEOUT_MS
    const outgoing = request({ socketPath, method: call.method, path: call.path, agent: false })
    const settle = (answer: Answer) => {
      clearTimeout(timer)
      call.cancel?.removeEventListener('abort', cancelled)
      outgoing.destroy()
      resolve(answer)
    }
    const fail = (code: 'E_BALANCER' | 'E_TIMEOUT', message: string) =>
      settle({ kind: 'fault', fault: fault(code, message, true) })
    const cancelled = () => fail('E_TIMEOUT', 'the call to the balancer was given up')
    const timer = setTimeout(() => {
      fail('E_TIMEOUT', `the balancer did not answer within ${timeoutMs / 1000} s`)
    }, timeoutMs)
    call.cancel?.addEventListener('abort', cancelled, { once: true })
    if (call.cancel?.aborted) return cancelled()
    if (call.background) {
      timer.unref()
      outgoing.on('socket', (socket) => socket.unref())
    }
    outgoing.on('error', (error: NodeJS.ErrnoException) => {
      const absent = error.code === 'ENOENT' || error.code === 'ECONNREFUSED'
      fail('E_BALANCER', absent ? 'it does not run' : `it can't be reached: ${error.message}`)
    })
    outgoing.on('response', (response) => {
      const chunks: Buffer[] = []
      let size = 0
      response.on('data', (chunk: Buffer) => {
        size += chunk.length
        if (size > ANSWER_LIMIT) fail('E_BALANCER', "the balancer's answer is too large")
        else chunks.push(chunk)
      })
      response.on('error', (error) =>
        fail('E_BALANCER', `the balancer broke off: ${error.message}`),
      )
      response.on('end', () => settle(parse(response.statusCode ?? 0, Buffer.concat(chunks))))
    })
    return outgoing.end(call.body === undefined ? undefined : JSON.stringify(call.body))
  })
}

/**
 * Reads the status; with `since` waits for a change after that mark (the process bounds the wait).
 */
export async function readStatus(
  socketPath: string,
  call: Omit<Call, 'method' | 'path'> & { readonly since?: string },
): Promise<ProcessStatus | { readonly fault: Fault }> {
  const query = call.since === undefined ? '' : `?since=${encodeURIComponent(call.since)}`
  const answer = await callBalancer(socketPath, { ...call, method: 'GET', path: `/status${query}` })
  if (answer.kind === 'fault') return answer
  if (isStatus(answer.body)) return answer.body
  return { fault: fault('E_BALANCER', 'the balancer process speaks another version') }
}

function isStatus(value: unknown): value is ProcessStatus {
  if (typeof value !== 'object' || value === null) return false
  const status = value as Partial<ProcessStatus>
  return status.protocol === PROTOCOL && Array.isArray(status.groups)
}

function parse(status: number, body: Buffer): Answer {
  try {
    return { kind: 'answer', status, body: JSON.parse(body.toString('utf8')) }
  } catch {
    return { kind: 'fault', fault: fault('E_BALANCER', 'the balancer answered no JSON', true) }
  }
}
