// Who may call: the key, compared in constant time, and the Host header, checked against DNS
// rebinding.
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto'
import { chmodSync, existsSync, readFileSync, writeFileSync } from 'node:fs'
import { isIP } from 'node:net'
import { join } from 'node:path'

/** The key file in the state folder. */
export function keyFile(stateDir: string): string {
  return join(stateDir, 'api-key')
}

/** The key from SERVICE_API_KEY, else from the state folder, else undefined. */
export function findKey(stateDir: string, environment: NodeJS.ProcessEnv): string | undefined {
  const given = environment.SERVICE_API_KEY
  if (given !== undefined && given !== '') return given
  const path = keyFile(stateDir)
  return existsSync(path) ? readFileSync(path, 'utf8').trim() : undefined
}

/** The key as findKey finds it; where there is none, one is made and kept for the owner alone. */
export function ensureKey(stateDir: string, environment: NodeJS.ProcessEnv): string {
  const found = findKey(stateDir, environment)
  if (found !== undefined && found !== '') return found
  const key = randomBytes(24).toString('base64url')
  writeFileSync(keyFile(stateDir), `${key}\n`, { mode: 0o600 })
  // The mode above counts only for a new file.
  chmodSync(keyFile(stateDir), 0o600)
  return key
}

/** What a request showed of the key; only `ok` may pass. */
export type KeyVerdict = 'ok' | 'missing' | 'wrong'

/** Checks `Authorization: Bearer KEY` in constant time. */
export function checkKey(header: string | undefined, key: string): KeyVerdict {
  const given = /^Bearer +(\S+)$/i.exec(header ?? '')?.[1]
  if (given === undefined) return 'missing'
  return timingSafeEqual(digest(given), digest(key)) ? 'ok' : 'wrong'
}

// Digests have equal length, which timingSafeEqual demands, and tell nothing of the key's own.
function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest()
}

/**
 * A page of a stranger's site can point its own name at this address; its Host header then names
 * that site. Addresses, localhost and the name listened on are fine.
 */
export function isHostAllowed(header: string | undefined, listenHost: string): boolean {
  if (header === undefined) return false
  const name = header
    .replace(/:\d+$/, '')
    .replace(/^\[(.*)\]$/, '$1')
    .toLowerCase()
  return name === 'localhost' || name === listenHost.toLowerCase() || isIP(name) !== 0
}
