// Instances whose record is lost (a full disk, a removed folder): found again by what their
// environment says.
import { createHash } from 'node:crypto'
import { resolve } from 'node:path'
import { identify, NONCE_VARIABLE } from './identity.ts'
import { allProcesses, environmentOf, holdsSocket, listenersAtPath, listenersOn } from './procfs.ts'
import type { InstanceRecord } from './records.ts'

/** Names the generation in an instance's environment. */
export const GENERATION_VARIABLE = 'PLIMSOLL_GENERATION'

/** What every nonce of a state folder begins with; 12 hexadecimal digits and a dot. */
export function noncePrefix(stateDir: string): string {
  return `${createHash('sha256').update(resolve(stateDir)).digest('hex').slice(0, 12)}.`
}

/** Session leaders of this state folder that no record knows, as records. */
export function findStrays(
  prefix: string,
  known: readonly InstanceRecord[],
  nowMs: number,
): readonly InstanceRecord[] {
  const nonces = new Set(known.map((r) => r.nonce))
  return allProcesses()
    .filter((p) => p.session === p.pid && p.state !== 'Z')
    .flatMap((p) => {
      const nonce = environmentOf(p.pid, NONCE_VARIABLE)
      if (nonce === undefined || !nonce.startsWith(prefix) || nonces.has(nonce)) return []
      return strayOf(p.pid, nonce, nowMs) ?? []
    })
}

function holds(leader: number, listeners: readonly string[]): boolean {
  const own = allProcesses().filter((p) => p.session === leader)
  return listeners.length > 0 && own.some((p) => holdsSocket(p.pid, listeners))
}

function strayOf(pid: number, nonce: string, nowMs: number): InstanceRecord | undefined {
  const told = (name: string) => environmentOf(pid, name)
  const [id, group, port] = [told('PLIMSOLL_INSTANCE'), told('PLIMSOLL_GROUP'), told('PORT')]
  const identity = identify(pid, nonce)
  if (id === undefined || group === undefined || identity === undefined) return undefined
  const socket = told('PLIMSOLL_SOCKET')
  const onSocket = socket !== undefined && holds(pid, listenersAtPath(socket))
  const serves = onSocket || holds(pid, listenersOn(Number(port ?? 0)))
  return {
    id,
    group,
    generation: told(GENERATION_VARIABLE) ?? 'unknown',
    nonce,
    host: told('HOST') ?? '127.0.0.1',
    port: Number(port ?? 0),
    ...(socket === undefined ? {} : { socket, isOnSocket: onSocket }),
    // One that listens is in rotation already; any other proves itself first.
    phase: serves ? 'ready' : 'starting',
    phaseAtMs: nowMs,
    startedAtMs: nowMs,
    wasReady: serves,
    stopAsked: false,
    identity,
  }
}
