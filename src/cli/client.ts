// The CLI as a client of the running controller's API.
import { existsSync, readFileSync } from 'node:fs'
import { type ControllerFile, controllerFile } from '../compose.ts'
import { type ErrorCode, PlimsollError } from '../core/errors.ts'
import { findKey } from '../server/auth.ts'

const CALL_MS = 15_000
/** A controller that starts many groups on a busy machine may take seconds to answer. */
const HEALTH_MS = 5_000

/** The controller of a state folder, where its file is there (it may be gone all the same). */
export function readControllerFile(stateDir: string): ControllerFile | undefined {
  const path = controllerFile(stateDir)
  if (!existsSync(path)) return undefined
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as ControllerFile
  } catch {
    // It is being written, or removed, at this very moment.
    return undefined
  }
}

/** Whether the controller of a state folder answers, and it is that one and no other. */
export async function isRunning(stateDir: string): Promise<boolean> {
  const told = readControllerFile(stateDir)
  if (told === undefined) return false
  try {
    const response = await fetch(`${told.url}/healthz`, { signal: AbortSignal.timeout(HEALTH_MS) })
    const said = (await response.json()) as { readonly controller?: unknown }
    return response.ok && said.controller === told.id
  } catch {
    // Nobody listens there, or somebody who is no controller: it is not running.
    return false
  }
}

/** One call; the answer's JSON. Throws E_NOT_RUNNING, or the API's own error. */
export async function call<T>(
  stateDir: string,
  method: 'GET' | 'POST',
  path: string,
  body?: unknown,
): Promise<T> {
  const told = readControllerFile(stateDir)
  // Two applications may use one address in turn; what is meant for one must not reach the other.
  if (told === undefined || !(await isRunning(stateDir))) throw notRunning(stateDir)
  const key = findKey(stateDir, process.env) ?? ''
  const headers: Record<string, string> = { authorization: `Bearer ${key}` }
  if (body !== undefined) headers['content-type'] = 'application/json'
  let response: Response
  try {
    response = await fetch(`${told.url}/api/scalability${path}`, {
      method,
      headers,
      signal: AbortSignal.timeout(CALL_MS),
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    })
  } catch (error) {
    if ((error as Error).name === 'TimeoutError') {
      const message = `the controller of ${stateDir} did not answer within ${CALL_MS / 1000} s`
      throw new PlimsollError('E_TIMEOUT', message, { cause: error })
    }
    throw notRunning(stateDir, error)
  }
  const answer = (await response.json()) as T & { error?: { code: ErrorCode; message: string } }
  if (!response.ok) {
    const { code, message } = answer.error ?? {
      code: 'E_INTERNAL',
      message: `HTTP ${response.status}`,
    }
    throw new PlimsollError(code, message)
  }
  return answer
}

function notRunning(stateDir: string, cause?: unknown): PlimsollError {
  return new PlimsollError('E_NOT_RUNNING', `no controller answers for ${stateDir}`, { cause })
}
