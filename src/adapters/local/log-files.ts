// The log file of each instance: opened for the child, bounded in size and number, read from its
// end.
import {
  closeSync,
  copyFileSync,
  fstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readSync,
  rmSync,
  statSync,
  truncateSync,
} from 'node:fs'
import { join } from 'node:path'
import { printable } from '../../core/words/printable.ts'
import { fileId } from './procfs.ts'

/** A log is copied to `.1` and emptied beyond this size. */
const MOST_BYTES = 10 * 1024 * 1024
/** Logs of ended instances that are kept, over all groups. */
const KEPT_FILES = 50
/** How much of the end is looked at for the last lines. */
const TAIL_BYTES = 256 * 1024

/** Log files below one folder. */
export class LogFiles {
  readonly #folder: string

  constructor(folder: string) {
    this.#folder = folder
    mkdirSync(folder, { recursive: true, mode: 0o700 })
  }

  /** A descriptor to append to; the caller closes it after the child has it. */
  open(instance: string): number {
    // Append mode: after a truncation the child goes on writing at the new end.
    return openSync(this.#path(instance), 'a', 0o600)
  }

  close(descriptor: number): void {
    closeSync(descriptor)
  }

  /** Device and inode of an instance's log; undefined when there is none. */
  fileOf(instance: string): string | undefined {
    try {
      return fileId(statSync(this.#path(instance), { bigint: true }))
    } catch {
      // Never opened, or removed.
      return undefined
    }
  }

  /** The instances that have a log, by its device and inode. */
  instances(): ReadonlyMap<string, string> {
    const ids = readdirSync(this.#folder).flatMap((name) => /^(.+)\.log$/.exec(name)?.[1] ?? [])
    return new Map(ids.flatMap((id) => [[this.fileOf(id) ?? '', id]]))
  }

  /** The last lines without control sequences, oldest first; empty when there is no log. */
  tail(instance: string, lines: number): readonly string[] {
    const text = readEnd(this.#path(instance))
    const all = text.split('\n')
    if (all.at(-1) === '') all.pop()
    return all.slice(-lines).map((l) => printable(l))
  }

  /** Empties logs that grew too large, and removes the oldest of ended instances. */
  rotate(alive: ReadonlySet<string>): void {
    const files = readdirSync(this.#folder).map((name) => ({
      name,
      stat: statSync(join(this.#folder, name)),
    }))
    for (const { name, stat } of files) {
      if (stat.size <= MOST_BYTES || !name.endsWith('.log')) continue
      copyFileSync(join(this.#folder, name), join(this.#folder, `${name}.1`))
      truncateSync(join(this.#folder, name))
    }
    const ended = files.filter((f) => !alive.has(f.name.replace(/\.log(\.1)?$/, '')))
    ended.sort((a, b) => b.stat.mtimeMs - a.stat.mtimeMs)
    for (const { name } of ended.slice(KEPT_FILES))
      rmSync(join(this.#folder, name), { force: true })
  }

  #path(instance: string): string {
    return join(this.#folder, `${instance}.log`)
  }
}

function readEnd(path: string): string {
  let descriptor: number
  try {
    descriptor = openSync(path, 'r')
  } catch {
    // No log yet.
    return ''
  }
  try {
    const size = fstatSync(descriptor).size
    const buffer = Buffer.alloc(Math.min(size, TAIL_BYTES))
    const read = readSync(descriptor, buffer, 0, buffer.length, Math.max(0, size - buffer.length))
    return buffer.toString('utf8', 0, read)
  } finally {
    closeSync(descriptor)
  }
}
