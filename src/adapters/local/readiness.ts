// Whether a starting instance is ready: its own listener is there, and it answers.
import { request } from 'node:http'
import { connect } from 'node:net'
import type { GroupSpec } from '../../core/model.ts'
import { allProcesses, holdsSocket, listenersAtPath, listenersOn } from './procfs.ts'
import type { InstanceRecord } from './records.ts'

/** A single check may take this long. */
const CHECK_MS = 1_000
/** A worker without HTTP counts as ready once it has lived this long. */
const WORKER_MS = 1_000

/** Whether an instance can take requests; `detail` says, for people, what is still missing. */
export type Readiness =
  | { readonly ready: true }
  | { readonly ready: false; readonly detail: string }

/** One look at one instance. */
export async function isReady(
  group: GroupSpec,
  record: InstanceRecord,
  nowMs: number,
): Promise<Readiness> {
  if (group.http === undefined) {
    const lived = nowMs - record.startedAtMs >= WORKER_MS
    return lived ? { ready: true } : { ready: false, detail: 'just started' }
  }
  const place = placeOf(group, record)
  const owner = ownerOf(record, listenersAt(place))
  if (owner !== 'own') return { ready: false, detail: OWNER_DETAIL[owner](nameOf(place)) }
  const path = group.http.health
  return path === undefined ? accepts(place) : answers(place, path)
}

/** Whether an instance listens on its Unix socket, beside its port or instead of it. */
export function isOnSocket(record: InstanceRecord): boolean {
  const { socket } = record
  return socket !== undefined && ownerOf(record, listenersAt({ path: socket })) === 'own'
}

type Place = { readonly host: string; readonly port: number } | { readonly path: string }

// One that is told its socket in its command is expected there; any other one at its port.
function placeOf({ run }: GroupSpec, { host, port, socket }: InstanceRecord): Place {
  const isToldSocket = run.command.some((argument) => argument.includes('{socket}'))
  return isToldSocket && socket !== undefined ? { path: socket } : { host, port }
}

function listenersAt(place: Place): readonly string[] {
  return 'path' in place ? listenersAtPath(place.path) : listenersOn(place.port)
}

function nameOf(place: Place): string {
  return 'path' in place ? place.path : `port ${place.port}`
}

type Owner = 'own' | 'nobody' | 'stranger'

const OWNER_DETAIL = {
  nobody: (where: string) => `nothing listens on ${where} yet`,
  stranger: (where: string) => `${where} is held by a process that is not this instance`,
} as const

// A stranger who happens to listen on the port must not be given traffic.
function ownerOf(record: InstanceRecord, inodes: readonly string[]): Owner {
  if (inodes.length === 0) return 'nobody'
  const { identity } = record
  if (identity === undefined) return 'stranger'
  const own = allProcesses().some((p) => p.session === identity.pid && holdsSocket(p.pid, inodes))
  return own ? 'own' : 'stranger'
}

function accepts(place: Place): Promise<Readiness> {
  return new Promise((resolve) => {
    const socket = connect({ ...place, timeout: CHECK_MS })
    const done = (readiness: Readiness) => {
      socket.destroy()
      resolve(readiness)
    }
    socket.once('connect', () => done({ ready: true }))
    socket.once('timeout', () => done({ ready: false, detail: 'no accept within 1 s' }))
    socket.once('error', (e) => done({ ready: false, detail: `connecting failed: ${e.message}` }))
  })
}

function answers(place: Place, path: string): Promise<Readiness> {
  return new Promise((resolve) => {
    const at = 'path' in place ? { socketPath: place.path } : place
    const check = request({ ...at, path, agent: false })
    // Over all of it: an answer that comes in drops, or never ends, must not keep its connection.
    const timer = setTimeout(() => check.destroy(new Error('no answer within 1 s')), CHECK_MS)
    check.once('close', () => clearTimeout(timer))
    check.once('response', (response) => {
      const status = response.statusCode ?? 0
      // The status is all that counts; a body that breaks off is no news.
      response.once('error', () => {})
      response.resume()
      const ready = status >= 200 && status < 400
      resolve(ready ? { ready } : { ready, detail: `${path} answered ${status}` })
    })
    check.once('error', (e) => resolve({ ready: false, detail: `${path}: ${e.message}` }))
    check.end()
  })
}
