// Where the balancer process keeps its socket, configuration, identity and log.
import { createHash } from 'node:crypto'
import { lstatSync, mkdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'

/** Longest path of a Unix socket that every system takes, in bytes. */
const SOCKET_PATH_LIMIT = 100

/** Files of one balancer; all but perhaps the socket lie in the state folder. */
export interface BalancerPaths {
  readonly stateDir: string
  readonly socket: string
  readonly config: string
  readonly identity: string
  readonly lock: string
  readonly log: string
}

/**
 * The paths for a state folder, which is made (mode 0700) if it is missing. A socket path that
 * would be too long goes to a private folder under the system's temporary one.
 * @throws Error when that private folder belongs to somebody else
 */
export function balancerPaths(stateDir: string): BalancerPaths {
  const dir = resolve(stateDir)
  mkdirSync(dir, { recursive: true, mode: 0o700 })
  const near = join(dir, 'balancer.sock')
  return {
    stateDir: dir,
    socket: Buffer.byteLength(near) <= SOCKET_PATH_LIMIT ? near : socketElsewhere(dir),
    config: join(dir, 'balancer.json'),
    identity: join(dir, 'balancer.process.json'),
    lock: join(dir, 'balancer.lock'),
    log: join(dir, 'balancer.log'),
  }
}

function socketElsewhere(dir: string): string {
  const user = process.getuid?.() ?? 0
  const hash = createHash('sha256').update(`${user}:${dir}`).digest('hex').slice(0, 16)
  const folder = join(tmpdir(), `plimsoll-${user}-${hash}`)
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  const found = lstatSync(folder)
  const isPrivate = found.isDirectory() && found.uid === user && (found.mode & 0o077) === 0
  if (!isPrivate) throw new Error(`${folder} must be a folder that only this user can enter`)
  return join(folder, 'balancer.sock')
}
