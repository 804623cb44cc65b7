// Proof that a process is the balancer that was started, which a reused pid can't forge.
import { readFileSync } from 'node:fs'

/** The environment variable that carries the nonce. */
export const NONCE_VARIABLE = 'PLIMSOLL_BALANCER_NONCE'

/** What is recorded about a process, and compared before it is signalled. */
export interface ProcessIdentity {
  readonly pid: number
  readonly bootId: string
  /** Start time in clock ticks since boot. */
  readonly startTicks: string
  readonly nonce: string
}

/** The identity of this process. */
export function ownIdentity(): ProcessIdentity {
  const pid = process.pid
  const nonce = process.env[NONCE_VARIABLE] ?? ''
  return { pid, bootId: bootId(), startTicks: startTicks(pid) ?? '', nonce }
}

/** Names this boot of the machine; empty where the system does not say. */
export function bootId(): string {
  return read('/proc/sys/kernel/random/boot_id')?.trim() ?? ''
}

/** Whether exactly this process still runs. Without proof the answer is no. */
export function isRunning(identity: ProcessIdentity): boolean {
  if (!identity.nonce || identity.bootId !== bootId()) return false
  if (startTicks(identity.pid) !== identity.startTicks) return false
  const environment = read(`/proc/${identity.pid}/environ`)?.split('\0') ?? []
  return environment.includes(`${NONCE_VARIABLE}=${identity.nonce}`)
}

/** Kills the process if it is proven to be the one. Returns whether it was signalled. */
export function killIfRunning(identity: ProcessIdentity): boolean {
  if (!isRunning(identity)) return false
  try {
    process.kill(identity.pid, 'SIGKILL')
    return true
  } catch {
    // It ended between the proof and the signal, which is what was wanted.
    return false
  }
}

/** Reads a recorded identity; undefined when there is none or it can't be read. */
export function readIdentity(path: string): ProcessIdentity | undefined {
  const text = read(path)
  if (text === undefined) return undefined
  try {
    const value: unknown = JSON.parse(text)
    return isIdentity(value) ? value : undefined
  } catch {
    // A torn file proves nothing, so it names no process.
    return undefined
  }
}

function isIdentity(value: unknown): value is ProcessIdentity {
  if (typeof value !== 'object' || value === null) return false
  const { pid, bootId, startTicks, nonce } = value as Record<string, unknown>
  return typeof pid === 'number' && pid > 1 && [bootId, startTicks, nonce].every(isText)
}

function isText(value: unknown): boolean {
  return typeof value === 'string'
}

/** Start time of a live process; undefined when there is none, or it is a zombie. */
function startTicks(pid: number): string | undefined {
  const stat = read(`/proc/${pid}/stat`)
  // The name in parentheses may hold anything, so fields are counted from its end.
  const fields = stat?.slice(stat.lastIndexOf(')') + 2).split(' ')
  return fields?.[0] === 'Z' ? undefined : fields?.[19]
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    // Gone, never there, or not ours to read: each means that nothing is known.
    return undefined
  }
}
