// Certificates: read, held against their keys, and kept as copies of our own, so that files which
// are being exchanged, or are wrong, never stand in a configuration.
import { createHash, createPrivateKey, X509Certificate } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import type { TlsSpec } from '../../core/model.ts'
import { writeWhole } from './state.ts'

const MOST_BYTES = 1_000_000
const FOLDER = 'tls'

/** A pair that fits; `id` is made from its content. */
export interface Pair {
  readonly id: string
  readonly certificate: Buffer
  readonly key: Buffer
  readonly expiresAtMs: number
}

/** Reads a certificate and its key. Returns what is wrong with them, for people, as text. */
export function readPair(tls: TlsSpec): Pair | string {
  const certificate = readPem(tls.certificate)
  if (typeof certificate === 'string') return certificate
  const key = readPem(tls.key)
  if (typeof key === 'string') return key
  const leaf = attempt(() => new X509Certificate(certificate))
  if (leaf === undefined) return `${tls.certificate} holds no certificate in PEM`
  const own = attempt(() => createPrivateKey(key))
  if (own === undefined) return `${tls.key} holds no key in PEM that needs no password`
  if (!leaf.checkPrivateKey(own)) return `${tls.key} is not the key of ${tls.certificate}`
  const hash = createHash('sha256').update(certificate).update('\n').update(key)
  const expiresAtMs = Date.parse(leaf.validTo)
  return { id: hash.digest('hex').slice(0, 24), certificate, key, expiresAtMs }
}

/** The files of a kept pair, below the folder that it is kept in. */
export function pairFiles(id: string): TlsSpec {
  return { certificate: `${FOLDER}/${id}.crt`, key: `${FOLDER}/${id}.key` }
}

/** Keeps a pair below a folder; the same pair twice is one. */
export function keepPair(prefix: string, pair: Pair): void {
  mkdirSync(join(prefix, FOLDER), { recursive: true, mode: 0o700 })
  const files = pairFiles(pair.id)
  for (const kind of ['certificate', 'key'] as const) {
    const path = join(prefix, files[kind])
    if (!existsSync(path)) writeWhole(path, pair[kind])
  }
}

/** Forgets every kept pair but these. */
export function forgetPairs(prefix: string, ids: readonly string[]): void {
  const folder = join(prefix, FOLDER)
  if (!existsSync(folder)) return
  for (const name of readdirSync(folder)) {
    if (!ids.includes(name.split('.')[0] ?? '')) rmSync(join(folder, name), { force: true })
  }
}

function readPem(path: string): Buffer | string {
  try {
    const content = readFileSync(path)
    return content.length > MOST_BYTES ? `${path} is too large for a PEM file` : content
  } catch (error) {
    return `${path} can't be read: ${(error as Error).message}`
  }
}

function attempt<T>(read: () => T): T | undefined {
  try {
    return read()
  } catch {
    // Its words are of the parser's; which file it was says more.
    return undefined
  }
}
