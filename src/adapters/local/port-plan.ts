// Which ports the instances of a group are going to have. They are chosen once, so that a balancer
// can be prepared for all of them before the first instance is there.
import { readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { GroupSpec } from '../../core/model.ts'
import { freePort, isFree } from './ports.ts'

/** Ports beyond those that can be in use at once: for instances that still drain, or a stranger. */
const SPARE = 2
/** Up to so many ports the spare ones are given: balancers can prepare for each set of so few. */
const MOST_WITH_SPARE = 10
/**
 * For so long after its last use a port is only taken again where no other is free: connections
 * that still wait for their end (TIME_WAIT, 60 s on Linux) keep some programs from listening.
 */
const REST_MS = 60_000
/** For so long a port that was given counts as used, until its instance is known. */
const GIVEN_MS = 5_000

/** Ports that instances have now. */
export interface PortUse {
  /** Those of the group's own instances. */
  readonly running: readonly number[]
  /** Those of all groups. */
  readonly taken: readonly number[]
}

/** Ports of all groups, kept in the state folder. */
export class PortPlan {
  readonly #path: string
  readonly #ports: Map<string, readonly number[]>
  #last: Promise<unknown> = Promise.resolve()
  readonly #given = new Map<number, number>()
  readonly #ended = new Map<number, number>()

  constructor(stateDir: string) {
    this.#path = join(stateDir, 'ports.json')
    this.#ports = read(this.#path)
  }

  /** A port is no longer used. */
  released(port: number, atMs: number): void {
    this.#ended.set(port, atMs)
  }

  /** The ports of a group, in the order in which they are taken. */
  of(group: GroupSpec, host: string, use: PortUse): Promise<readonly number[]> {
    return this.#inTurn(() => this.#plan(group, host, use))
  }

  /** A port of the group to start on; any free one where all of them are in use. */
  next(group: GroupSpec, host: string, use: PortUse, nowMs: number): Promise<number | undefined> {
    return this.#inTurn(async () => {
      const ports = await this.#plan(group, host, use)
      const isGiven = (port: number) => nowMs - (this.#given.get(port) ?? 0) < GIVEN_MS
      const free = ports.filter((port) => !use.taken.includes(port) && !isGiven(port))
      const port = await firstFree(host, this.#rested(free, nowMs))
      const found = port ?? (await freePort(host, this.#all(use, ports), spreadOf(group.name)))
      if (found !== undefined) this.#given.set(found, nowMs)
      return found
    })
  }

  // One after another: two must not find the same port free.
  #inTurn<T>(plan: () => Promise<T>): Promise<T> {
    const planned = this.#last.then(plan)
    this.#last = planned.catch(() => undefined)
    return planned
  }

  async #plan(group: GroupSpec, host: string, use: PortUse): Promise<readonly number[]> {
    const most = group.scaling.maxInstances + 1
    const wanted = Math.max(most, Math.min(MOST_WITH_SPARE, most + SPARE))
    const ports = [...new Set([...(this.#ports.get(group.name) ?? []), ...use.running])]
    while (ports.length < wanted) {
      const port = await freePort(host, this.#all(use, ports), spreadOf(group.name))
      if (port === undefined) break
      ports.push(port)
    }
    this.#keep(group.name, ports)
    return ports
  }

  #all({ taken }: PortUse, ports: readonly number[]): ReadonlySet<number> {
    return new Set([...taken, ...ports, ...this.#given.keys(), ...[...this.#ports.values()].flat()])
  }

  // Those that ended long ago in their order, then the others, the longest ended first.
  #rested(ports: readonly number[], nowMs: number): readonly number[] {
    const tired = (port: number) => {
      const endedAtMs = this.#ended.get(port)
      return endedAtMs !== undefined && nowMs - endedAtMs < REST_MS ? endedAtMs : 0
    }
    return ports.toSorted((a, b) => tired(a) - tired(b))
  }

  #keep(group: string, ports: readonly number[]): void {
    if (ports.join() === this.#ports.get(group)?.join()) return
    this.#ports.set(group, ports)
    try {
      writeFileSync(`${this.#path}.new`, JSON.stringify(Object.fromEntries(this.#ports)), {
        mode: 0o600,
      })
      renameSync(`${this.#path}.new`, this.#path)
    } catch {
      // A full disk: another controller will choose other ports, and instances serve all the same.
    }
  }
}

async function firstFree(host: string, ports: readonly number[]): Promise<number | undefined> {
  for (const port of ports) if (await isFree(host, port)) return port
  return undefined
}

// Groups search from different places, so that they seldom meet.
function spreadOf(group: string): number {
  return [...group].reduce((sum, letter) => (sum * 31 + letter.charCodeAt(0)) % 65_536, process.pid)
}

function read(path: string): Map<string, readonly number[]> {
  try {
    const found = JSON.parse(readFileSync(path, 'utf8')) as Record<string, unknown>
    const isPort = (port: unknown): port is number => Number.isInteger(port)
    return new Map(
      Object.entries(found).flatMap(([group, ports]) =>
        Array.isArray(ports) && ports.every(isPort) ? [[group, ports]] : [],
      ),
    )
  } catch {
    // None yet, or torn: chosen anew, the ports of running instances first.
    return new Map()
  }
}
