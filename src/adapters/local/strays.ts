// Instances whose record is lost (a full disk, a removed folder): found again by what their
// environment says or, where they wrote over it, by the log that they write to.
import { createHash } from 'node:crypto'
import { resolve } from 'node:path'
import { identify, NONCE_VARIABLE } from './identity.ts'
import { isInstancePort } from './ports.ts'
import {
  allProcesses,
  environmentOf,
  holdsSocket,
  listeners,
  listenersAtPath,
  listenersOn,
  outputsOf,
} from './procfs.ts'
import type { InstanceRecord } from './records.ts'

/** Names the generation in an instance's environment. */
export const GENERATION_VARIABLE = 'PLIMSOLL_GENERATION'

/** What every nonce of a state folder begins with; 12 hexadecimal digits and a dot. */
export function noncePrefix(stateDir: string): string {
  return `${createHash('sha256').update(resolve(stateDir)).digest('hex').slice(0, 12)}.`
}

/** What strays of a state folder are told by. */
export interface Lost {
  readonly prefix: string
  /** The instances that have a log, by its device and inode. */
  readonly logs: ReadonlyMap<string, string>
  readonly nowMs: number
}

/** Session leaders of this state folder that no record knows, as records. */
export function findStrays(
  lost: Lost,
  known: readonly InstanceRecord[],
): readonly InstanceRecord[] {
  const nonces = new Set(known.map((r) => r.nonce))
  const ids = new Set(known.map((r) => r.id))
  const logs = new Map([...lost.logs].filter(([, id]) => !ids.has(id)))
  return allProcesses()
    .filter((p) => p.session === p.pid && p.state !== 'Z')
    .flatMap((p) => {
      const nonce = environmentOf(p.pid, NONCE_VARIABLE)
      if (nonce === undefined) return silentStray(p.pid, { ...lost, logs }) ?? []
      if (!nonce.startsWith(lost.prefix) || nonces.has(nonce)) return []
      return strayOf(p.pid, nonce, lost.nowMs) ?? []
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

// One that wrote over its environment: its log says which instance it is, its sockets which port.
function silentStray(pid: number, { prefix, logs, nowMs }: Lost): InstanceRecord | undefined {
  const output = outputsOf(pid).find((file) => logs.has(file))
  const id = logs.get(output ?? '')
  if (output === undefined || id === undefined) return undefined
  const nonce = `${prefix}${output}`
  const identity = identify(pid, nonce, output)
  if (identity === undefined) return undefined
  const port = portOf(pid)
  return {
    ...{ id, nonce, identity, port: port ?? 0, group: id.replace(/-\d+$/, '') },
    generation: 'unknown',
    host: '127.0.0.1',
    phase: port === undefined ? 'starting' : 'ready',
    phaseAtMs: nowMs,
    startedAtMs: nowMs,
    wasReady: port !== undefined,
    stopAsked: false,
  }
}

// The one of the ports given to instances that its session listens on.
function portOf(leader: number): number | undefined {
  const own = allProcesses().filter((p) => p.session === leader)
  const candidates = listeners().filter(({ port }) => isInstancePort(port))
  return candidates.find(({ inode }) => own.some((p) => holdsSocket(p.pid, [inode])))?.port
}
