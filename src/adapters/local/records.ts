// The instances on disk, one file each, so that a restarted controller finds what runs.
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Exit, Phase } from '../../core/model.ts'
import type { Identity } from './identity.ts'

/**
 * What must be known of an instance to find, judge and stop it after a restart of the controller.
 * Times are milliseconds since the epoch.
 */
export interface InstanceRecord {
  readonly id: string
  readonly group: string
  readonly generation: string
  readonly nonce: string
  readonly host: string
  readonly port: number
  /** Path of the Unix socket that it may listen on. */
  readonly socket?: string
  /** Whether it does, as seen when it became ready. */
  readonly isOnSocket?: boolean
  readonly phase: Phase
  readonly phaseAtMs: number
  readonly startedAtMs: number
  readonly wasReady: boolean
  /** Set before a stop or kill is sent. */
  readonly stopAsked: boolean
  /** Absent between the record's first writing and the process's start. */
  readonly identity?: Identity
  readonly exit?: Exit
}

/** Files of instance records in `folder`; every write is atomic. */
export class Records {
  readonly #folder: string

  constructor(folder: string) {
    this.#folder = folder
    mkdirSync(folder, { recursive: true, mode: 0o700 })
  }

  write(record: InstanceRecord): void {
    const path = this.#path(record.id)
    writeFileSync(`${path}.new`, JSON.stringify(record), { mode: 0o600 })
    renameSync(`${path}.new`, path)
  }

  remove(id: string): void {
    rmSync(this.#path(id), { force: true })
  }

  /** All records that can be read; a broken one is reported by name, not dropped silently. */
  all(): { readonly records: readonly InstanceRecord[]; readonly broken: readonly string[] } {
    const names = readdirSync(this.#folder).filter((n) => n.endsWith('.json'))
    const parsed = names.map((name) => ({ name, record: this.#read(name) }))
    return {
      records: parsed.flatMap((p) => p.record ?? []),
      broken: parsed.filter((p) => p.record === undefined).map((p) => p.name),
    }
  }

  #read(name: string): InstanceRecord | undefined {
    try {
      const found: unknown = JSON.parse(readFileSync(join(this.#folder, name), 'utf8'))
      return isRecord(found) ? found : undefined
    } catch {
      // Reported by the caller as broken.
      return undefined
    }
  }

  #path(id: string): string {
    return join(this.#folder, `${id}.json`)
  }
}

// A file can be whole JSON and still not ours, or of a version that wrote less.
function isRecord(value: unknown): value is InstanceRecord {
  if (typeof value !== 'object' || value === null) return false
  const { id, group, nonce, phase, port } = value as Partial<Record<string, unknown>>
  return [id, group, nonce, phase].every((v) => typeof v === 'string') && typeof port === 'number'
}
