// Who a process is: an identity that a reused pid can not forge, checked before every signal.
import { allProcesses, bootId, environmentOf, isEnding, statOf, userOf } from './procfs.ts'

/** Environment variable that carries the nonce of an instance. */
export const NONCE_VARIABLE = 'PLIMSOLL_NONCE'

/**
 * Five facts that together no other process has, not even one that was given the same pid.
 * `startTicks` counts clock ticks since boot.
 */
export interface Identity {
  readonly bootId: string
  readonly pid: number
  readonly startTicks: number
  readonly nonce: string
  readonly uid: number
}

/** `gone`: no such process (or a zombie). `other`: the pid belongs to somebody else now. */
export type Verdict = 'same' | 'gone' | 'other'

/** Compares all five parts with what runs now. */
export function verify(identity: Identity): Verdict {
  const alive = verifyAlive(identity)
  if (alive !== 'same') return alive
  const own = environmentOf(identity.pid, NONCE_VARIABLE) === identity.nonce
  if (own && userOf(identity.pid) === identity.uid) return 'same'
  // One that is ending gives its memory back first, and its environment with it.
  return isEnding(identity.pid) ? 'gone' : 'other'
}

/** The cheap part (boot, pid, start time), enough to notice an end; never enough for a signal. */
export function verifyAlive(identity: Identity): Verdict {
  if (identity.bootId !== bootId()) return 'gone'
  const stat = statOf(identity.pid)
  if (stat === undefined || stat.state === 'Z' || stat.state === 'X') return 'gone'
  return stat.startTicks === identity.startTicks ? 'same' : 'other'
}

/**
 * The identity of a process that was just started with this nonce; undefined when it is gone
 * already.
 */
export function identify(pid: number, nonce: string): Identity | undefined {
  const stat = statOf(pid)
  const uid = userOf(pid)
  if (stat === undefined || uid === undefined) return undefined
  return { bootId: bootId(), pid, startTicks: stat.startTicks, nonce, uid }
}

/** The session leader that was started with a nonce, where the record of its pid was lost. */
export function findByNonce(nonce: string): Identity | undefined {
  const leader = allProcesses().find((p) => {
    return p.session === p.pid && environmentOf(p.pid, NONCE_VARIABLE) === nonce
  })
  return leader === undefined ? undefined : identify(leader.pid, nonce)
}

/**
 * Sends a signal to the process and its group, after checking all parts of the identity.
 * Returns what was found; only `same` was signalled.
 */
export function signalGroup(identity: Identity, signal: 'SIGTERM' | 'SIGKILL'): Verdict {
  const verdict = verify(identity)
  if (verdict !== 'same') return verdict
  return kill(-identity.pid, signal) ? 'same' : 'gone'
}

/**
 * Ends what an instance left behind after its leader ended, also what left its session: everything
 * that was started with its nonce. Returns how many there were.
 */
export function sweep(identity: Identity): number {
  const left = allProcesses().filter((p) => {
    return environmentOf(p.pid, NONCE_VARIABLE) === identity.nonce
  })
  return left.filter((p) => kill(p.pid, 'SIGKILL')).length
}

function kill(pid: number, signal: 'SIGTERM' | 'SIGKILL'): boolean {
  try {
    return process.kill(pid, signal)
  } catch {
    // It ended between the check and the signal.
    return false
  }
}
