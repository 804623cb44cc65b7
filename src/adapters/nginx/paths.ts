// Where NGINX keeps its files: what must last in the state folder, sockets and links in a short
// private folder that the workers may enter.
import { createHash } from 'node:crypto'
import {
  accessSync,
  chmodSync,
  chownSync,
  constants,
  lstatSync,
  mkdirSync,
  realpathSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'

/** What a folder may be called that stands in the written configuration. */
export const FOLDER_PATTERN = /^(\/[A-Za-z0-9_.+-]+)+$/
/** Longest such folder, in bytes: a Unix socket's path has 107, and a slot's needs 65 of them. */
const FOLDER_LIMIT = 42

/** Files of one NGINX of ours. */
export interface NginxPaths {
  /** NGINX's prefix: its working folder, by which its processes are known. */
  readonly prefix: string
  /** Our copies of certificates are kept in a folder in here. */
  readonly pairs: string
  readonly config: string
  readonly errorLog: string
  readonly identity: string
  readonly state: string
  readonly lock: string
  /** Sockets and links; gone after a reboot. */
  readonly run: string
}

/**
 * The paths for a state folder; the prefix and the private folder are made if they are missing.
 * `group` may enter the private folder, where the workers are another user's.
 * @throws Error when no private folder can be had
 */
export function nginxPaths(stateDir: string, group: number | undefined): NginxPaths {
  const wanted = resolve(stateDir)
  mkdirSync(join(wanted, 'nginx', 'logs'), { recursive: true, mode: 0o700 })
  const prefix = join(realpathSync(wanted), 'nginx')
  const run = runFolder(prefix, { group, bases: ['/run', tmpdir(), '/tmp'] })
  return {
    prefix,
    pairs: prefix,
    config: join(prefix, 'nginx.conf'),
    errorLog: join(prefix, 'logs', 'error.log'),
    identity: join(prefix, 'process.json'),
    state: join(prefix, 'state.json'),
    lock: join(prefix, 'lock'),
    run,
  }
}

/** Where a private folder may be, and who may enter it. */
export interface RunFolder {
  /** The first of these that can be written to. */
  readonly bases: readonly string[]
  readonly group: number | undefined
  /** Nothing is known of the group yet: one that is there stays as it is. */
  readonly isKept?: boolean
}

/**
 * A private folder with a short path, which is made if it is missing.
 * @throws Error when none can be had
 */
export function runFolder(prefix: string, { bases, group, isKept }: RunFolder): string {
  const user = process.getuid?.() ?? 0
  const hash = createHash('sha256').update(`${user}:${prefix}`).digest('hex').slice(0, 12)
  const base = bases.map(real).find((folder) => {
    return folder !== undefined && isUsable(join(folder, `plimsoll-${hash}`))
  })
  if (base === undefined) throw new Error('no folder with a short path can be written to')
  const run = join(base, `plimsoll-${hash}`)
  mkdirSync(run, { recursive: true, mode: 0o700 })
  const found = lstatSync(run)
  if (!found.isDirectory() || found.uid !== user) {
    throw new Error(`${run} must be a folder of this user`)
  }
  if (isKept) return run
  if (group !== undefined) chownSync(run, user, group)
  chmodSync(run, group === undefined ? 0o700 : 0o710)
  return run
}

function isUsable(folder: string): boolean {
  if (!FOLDER_PATTERN.test(folder) || Buffer.byteLength(folder) > FOLDER_LIMIT) return false
  try {
    accessSync(join(folder, '..'), constants.W_OK | constants.X_OK)
    return true
  } catch {
    // Not ours to write: the next one is tried.
    return false
  }
}

function real(folder: string): string | undefined {
  try {
    return realpathSync(folder)
  } catch {
    // It is not there on this system.
    return undefined
  }
}
