// Who a process is: an identity that a reused pid can not forge, checked before every signal.
import {
  allProcesses,
  bootId,
  environmentOf,
  isEnding,
  outputsOf,
  statOf,
  userOf,
} from './procfs.ts'

/** Environment variable that carries the nonce of an instance. */
export const NONCE_VARIABLE = 'PLIMSOLL_NONCE'

/**
 * Facts that together no other process has, not even one that was given the same pid.
 * `startTicks` counts clock ticks since boot.
 *
 * Boot, pid and start time name one process of this machine: a pid comes around only after all
 * others, which takes longer than a tick. They are taken by the parent, which no reuse can fool.
 * The nonce is for records that do not tell the truth (edited, restored, of another container with
 * the same kernel): such a record must not aim a signal at a stranger. It is looked for in the
 * environment, which is memory of the process: programs that set their title (setproctitle,
 * PostgreSQL, Perl's $0) write over it, others are started with an empty one. For those the kernel
 * itself is asked what the process writes to: the log of one instance, in a folder that nobody else
 * may enter, which it got from us and keeps whatever it does to its memory.
 */
export interface Identity {
  readonly bootId: string
  readonly pid: number
  readonly startTicks: number
  readonly nonce: string
  readonly uid: number
  /** Device and inode of its log; absent where it is not known. */
  readonly output?: string
}

/** `gone`: no such process (or a zombie). `other`: the pid belongs to somebody else now. */
export type Verdict = 'same' | 'gone' | 'other'

/** Compares all parts with what runs now. */
export function verify(identity: Identity): Verdict {
  const alive = verifyAlive(identity)
  if (alive !== 'same') return alive
  if (isOf(identity.pid, identity) && userOf(identity.pid) === identity.uid) return 'same'
  // One that is ending gives its memory back first, and its environment with it.
  return isEnding(identity.pid) ? 'gone' : 'other'
}

/** Whether a process is part of an instance: by its nonce, else by what it writes to. */
function isOf(pid: number, { nonce, output }: Identity): boolean {
  const found = environmentOf(pid, NONCE_VARIABLE)
  if (found !== undefined) return found === nonce
  return output !== undefined && outputsOf(pid).includes(output)
}

/** The cheap part (boot, pid, start time), enough to notice an end; never enough for a signal. */
export function verifyAlive(identity: Identity): Verdict {
  if (identity.bootId !== bootId()) return 'gone'
  const stat = statOf(identity.pid)
  if (stat === undefined || stat.state === 'Z' || stat.state === 'X') return 'gone'
  return stat.startTicks === identity.startTicks ? 'same' : 'other'
}

/**
 * The identity of a process that was just started with this nonce and, where it is given, this
 * log; undefined when it is gone already.
 */
export function identify(pid: number, nonce: string, output?: string): Identity | undefined {
  const stat = statOf(pid)
  const uid = userOf(pid)
  if (stat === undefined || uid === undefined) return undefined
  const log = output === undefined ? {} : { output }
  return { bootId: bootId(), pid, startTicks: stat.startTicks, nonce, uid, ...log }
}

/**
 * The session leader that was started with a nonce and, where it is given, a log, where the record
 * of its pid was lost.
 */
export function findLeader(nonce: string, output?: string): Identity | undefined {
  const candidates = allProcesses()
    .filter((p) => p.session === p.pid && p.state !== 'Z')
    .flatMap((p) => identify(p.pid, nonce, output) ?? [])
  return candidates.find((candidate) => isOf(candidate.pid, candidate))
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
 * that was started with its nonce, or writes to its log. Returns how many there were.
 */
export function sweep(identity: Identity): number {
  const left = allProcesses().filter((p) => isOf(p.pid, identity))
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
