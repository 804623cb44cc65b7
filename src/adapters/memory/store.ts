// The store as plain maps: the reference implementation, and the one for runs that leave nothing
// behind.

import { fault } from '../../core/errors.ts'
import type { EpochMs, Fault, Memory, Spec, Tick } from '../../core/model.ts'
import type { Kept, Store } from '../../core/ports.ts'
import { concerns, isChange } from '../../core/words/change.ts'

/** Ticks kept; history is cut only where a memory was kept. */
const MOST_TICKS = 20_000

/** Keeps ticks until it is closed; `broken` makes every write fail. */
export class MemoryStore implements Store {
  broken = false
  readonly #mostTicks: number
  readonly #ticks = new Map<number, Tick>()
  readonly #specs = new Map<string, Spec>()
  /** By the tick they were kept with, oldest first. */
  readonly #memories = new Map<number, Memory>()

  constructor(mostTicks = MOST_TICKS) {
    this.#mostTicks = mostTicks
  }

  plan(tick: Tick): Fault | undefined {
    return this.#write(() => this.#ticks.set(tick.id, copy(tick)))
  }

  finish(tick: Tick, memory?: Memory): Fault | undefined {
    return this.#write(() => {
      this.#ticks.set(tick.id, copy(tick))
      if (memory === undefined) return
      this.#memories.set(tick.id, copy(memory))
      this.#cut(tick.id - this.#mostTicks)
    })
  }

  saveSpec(spec: Spec): Fault | undefined {
    return this.#write(() => this.#specs.set(spec.hash, copy(spec)))
  }

  spec(hash: string): Spec | undefined {
    return this.#specs.get(hash)
  }

  recover(): ReturnType<Store['recover']> {
    const [from, kept] = [...this.#memories].at(-1) ?? [0, undefined]
    const ticks = [...this.#ticks.values()].filter((t) => t.id > from)
    const lastId = [...this.#ticks.keys()].reduce((a, b) => Math.max(a, b), 0)
    const memory = kept === undefined ? {} : { memory: copy(kept) }
    return { ...memory, ticks: ticks.sort((a, b) => a.id - b.id), lastId }
  }

  *history(sinceMs: EpochMs): Iterable<Kept> {
    const ticks = [...this.#ticks.values()].sort((a, b) => a.id - b.id)
    const first = ticks.find((t) => t.observation.atMs >= sinceMs)
    if (first === undefined) return
    const from = [...this.#memories.keys()].filter((id) => id < first.id).at(-1) ?? 0
    const kept = (after: number, memory: Memory | undefined): readonly Kept[] =>
      memory === undefined ? [] : [{ kind: 'memory', after, memory: copy(memory) }]
    yield* kept(from, this.#memories.get(from))
    for (const tick of ticks) {
      if (tick.id <= from) continue
      yield { kind: 'tick', tick }
      yield* kept(tick.id, this.#memories.get(tick.id))
    }
  }

  tick(id: number): Tick | undefined {
    return this.#ticks.get(id)
  }

  ticks(query: Parameters<Store['ticks']>[0]): readonly Tick[] {
    const { before = Number.MAX_SAFE_INTEGER, limit, group, changedOnly = false } = query
    return [...this.#ticks.values()]
      .filter((t) => t.id < before && (!changedOnly || isChange(t)))
      .filter((t) => group === undefined || concerns(t, group))
      .sort((a, b) => b.id - a.id)
      .slice(0, limit)
  }

  close(): void {
    this.#ticks.clear()
  }

  // The first tick that stays has the memory before it, so it can be decided again.
  #cut(before: number): void {
    const cut = [...this.#memories.keys()].filter((id) => id <= before).at(-1)
    if (cut === undefined) return
    for (const id of this.#ticks.keys()) if (id <= cut) this.#ticks.delete(id)
    for (const id of this.#memories.keys()) if (id < cut) this.#memories.delete(id)
  }

  #write(write: () => void): Fault | undefined {
    if (this.broken) return fault('E_STORE', 'the store is broken on purpose', true)
    write()
    return undefined
  }
}

// What is read back is what JSON keeps, as with a store on disk.
function copy<T>(value: T): T {
  return JSON.parse(JSON.stringify(value)) as T
}
