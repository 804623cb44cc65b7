// What is looked after every few seconds: renewed certificates, and the size of NGINX's own log.
import { copyFileSync, renameSync, statSync, truncateSync } from 'node:fs'
import type { Fault } from '../../../core/model.ts'
import type { Clock } from '../../../core/ports.ts'
import type { Installation } from '../installation.ts'
import { pairNotices, pairOf } from '../pairs.ts'

const LOOK_MS = 3_000
/** A larger log is begun anew. */
const LOG_BYTES = 5_000_000

/** See the file's head. */
export class Upkeep {
  readonly #installation: Installation
  readonly #clock: Clock
  readonly #renew: () => Promise<Fault | undefined>
  /** Pairs that NGINX did not take: they are not tried again. */
  readonly #refused = new Set<string>()
  #timer: NodeJS.Timeout | undefined
  #notices: readonly string[] = []
  #renewing: Promise<void> | undefined

  /** `renew` puts the pairs in force that the files hold now. */
  constructor(installation: Installation, clock: Clock, renew: () => Promise<Fault | undefined>) {
    this.#installation = installation
    this.#clock = clock
    this.#renew = renew
  }

  /** What people should know now. */
  get notices(): readonly string[] {
    return this.#notices
  }

  start(): void {
    if (this.#timer) return
    this.#timer = setInterval(() => this.#look(), LOOK_MS)
    this.#timer.unref()
  }

  async close(): Promise<void> {
    clearInterval(this.#timer)
    this.#timer = undefined
    await this.#renewing
  }

  #look(): void {
    rotate(this.#installation.paths.errorLog)
    const { groups } = this.#installation.state()
    const told = pairNotices(groups, this.#clock.now())
    const changed = groups.flatMap(({ group, certificate }) => {
      const pair = pairOf(group)
      return pair === undefined || pair === certificate ? [] : [pair]
    })
    const refused = changed.some((pair) => this.#refused.has(pair))
      ? ['NGINX refused a renewed certificate; the one in force stays']
      : []
    this.#notices = [...told, ...refused]
    const fresh = changed.filter((pair) => !this.#refused.has(pair))
    if (fresh.length === 0 || this.#renewing !== undefined) return
    this.#renewing = this.#renew().then((failure) => {
      this.#renewing = undefined
      if (failure?.retryable === false) for (const pair of fresh) this.#refused.add(pair)
    })
  }
}

/**
 * Keeps a log's end aside and empties it. Not by reopening: the workers are another user's, who may
 * not open files in the private folder; NGINX appends, so that it goes on at the new end.
 */
export function rotate(path: string, mostBytes = LOG_BYTES): void {
  try {
    if (statSync(path).size <= mostBytes) return
  } catch {
    // No log, nothing that could grow.
    return
  }
  try {
    renameSync(`${path}.1`, `${path}.2`)
  } catch {
    // The first time there is none.
  }
  try {
    copyFileSync(path, `${path}.1`)
  } catch {
    // A full disk: emptying it is what helps.
  }
  try {
    truncateSync(path)
  } catch {
    // It is tried again soon.
  }
}
