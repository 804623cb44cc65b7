// Unix sockets of instances: each in a folder of its own, which only its user may write to.
import { createHash } from 'node:crypto'
import {
  accessSync,
  chmodSync,
  chownSync,
  constants,
  lstatSync,
  mkdirSync,
  realpathSync,
  rmdirSync,
  rmSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { fault } from '../../core/errors.ts'
import type { Fault } from '../../core/model.ts'
import type { Account } from './environment.ts'

/** A path may have 107 bytes (unix(7)), and an instance's name needs some of them. */
const MOST_BYTES = 107
const LONGEST_NAME = 48

/**
 * The folder for the sockets of a state folder, not yet made: a short one that others may pass
 * through, as the state folder must not be. Undefined where there is none.
 */
export function socketFolder(stateDir: string): string | undefined {
  const user = process.getuid?.() ?? 0
  const hash = createHash('sha256')
    .update(`${user}:${resolve(stateDir)}`)
    .digest('hex')
  return ['/run', tmpdir(), '/tmp']
    .map((base) => join(base, `plimsoll-instances-${hash.slice(0, 12)}`))
    .find((folder) => Buffer.byteLength(folder) + LONGEST_NAME < MOST_BYTES && canMake(folder))
}

/** The socket's path for an instance; undefined where it would be too long. */
export function socketPath(folder: string | undefined, instance: string): string | undefined {
  if (folder === undefined) return undefined
  const path = join(folder, instance, 'http.sock')
  return Buffer.byteLength(path) <= MOST_BYTES ? path : undefined
}

/** Makes the folder around a socket for the account that may listen there. Fault: E_SOCKET. */
export function prepareSocket(
  path: string | undefined,
  account: Account | undefined,
): Fault | undefined {
  if (path === undefined) return fault('E_SOCKET', 'no folder with a short path was found')
  const own = dirname(path)
  try {
    passable(dirname(own))
    rmSync(own, { recursive: true, force: true })
    passable(own)
    if (account !== undefined) chownSync(own, account.uid, account.gid)
    return undefined
  } catch (error) {
    return fault('E_SOCKET', `no folder for ${path}: ${(error as Error).message}`, true)
  }
}

/** Removes what is left of an ended instance's socket, and the folder of all if it was the last. */
export function removeSocket(path: string | undefined): void {
  if (path === undefined) return
  const own = dirname(path)
  rmSync(own, { recursive: true, force: true })
  try {
    rmdirSync(dirname(own))
  } catch {
    // Others have theirs in it still, or it is gone.
  }
}

// Others may pass but not look around: whoever is told a path can connect, as to a local port.
function passable(folder: string): void {
  mkdirSync(folder, { recursive: true, mode: 0o711 })
  const found = lstatSync(folder)
  if (!found.isDirectory() || found.uid !== process.getuid?.()) {
    throw new Error(`${folder} must be a folder of this user`)
  }
  chmodSync(folder, 0o711)
}

function canMake(folder: string): boolean {
  try {
    accessSync(realpathSync(dirname(folder)), constants.W_OK | constants.X_OK)
    return true
  } catch {
    // Not there, or not ours to write: the next one is tried.
    return false
  }
}
