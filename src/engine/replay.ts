// Stored observations through today's code: every decision must come out as it was made.
import { isDeepStrictEqual } from 'node:util'
import { EMPTY_MEMORY } from '../core/memory.ts'
import type { Decision, Memory, Tick } from '../core/model.ts'
import type { KeptTick, Store } from '../core/ports.ts'
import { CORE_VERSION } from '../core/version.ts'
import { THOUGHT, type Thought } from './turn.ts'

/** The first decision that came out otherwise; one of the two is absent where a group is new. */
export interface ReplayDifference {
  readonly tick: Tick
  readonly group: string
  readonly stored?: Decision
  readonly today?: Decision
}

/** What came of a replay. */
export interface Replayed {
  /** Ticks that were decided again, that with the difference among them. */
  readonly ticks: number
  /** Ticks that can't be: what they were decided on was not kept. */
  readonly skipped: number
  /** Core versions of the ticks that are not today's. */
  readonly versions: readonly string[]
  readonly difference?: ReplayDifference
}

/** Decides the ticks since `sinceMs` again, up to the first difference. Throws E_STORE. */
export function replay(store: Store, sinceMs: number, thought: Thought = THOUGHT): Replayed {
  const run = new Replay(store, thought)
  for (const kept of store.history(sinceMs)) {
    const difference = run.decide(kept)
    if (difference !== undefined) return { ...run.counts(), difference }
  }
  return run.counts()
}

class Replay {
  readonly #store: Store
  readonly #thought: Thought
  /** As a controller would recover it; exact where no tick is missing. */
  #memory: Memory = EMPTY_MEMORY
  #isExact = false
  #last: Tick | undefined
  #ticks = 0
  #skipped = 0
  readonly #versions = new Set<string>()

  constructor(store: Store, thought: Thought) {
    this.#store = store
    this.#thought = thought
  }

  counts(): Replayed {
    return { ticks: this.#ticks, skipped: this.#skipped, versions: [...this.#versions] }
  }

  /** The first difference in one tick. */
  decide(kept: KeptTick): ReplayDifference | undefined {
    const { tick } = kept
    this.#enter(kept)
    this.#last = tick
    const spec = this.#store.spec(tick.specHash)
    if (spec === undefined) this.#isExact = false
    if (!this.#isExact) this.#skipped += 1
    if (spec === undefined) return undefined
    const { decide, remember } = this.#thought
    const { decisions, memory } = decide(spec, tick.observation, this.#memory)
    this.#memory = remember(memory, decisions, tick.outcomes ?? [], tick.observation.atMs)
    if (!this.#isExact) return undefined
    this.#ticks += 1
    if (tick.coreVersion !== CORE_VERSION) this.#versions.add(tick.coreVersion)
    return differenceIn(tick, decisions)
  }

  // What the tick was decided on, as far as that is known.
  #enter({ tick, before }: KeptTick): void {
    const last = this.#last
    if (before !== undefined) {
      this.#memory = before
      this.#isExact = true
    }
    if (tick.begins === true || tick.id === 1) {
      // A shutdown that was cut short is not continued.
      this.#memory = { ...this.#memory, shutdown: false }
      this.#isExact = true
    } else if (before === undefined && last !== undefined) {
      const isNext = tick.id === last.id + 1 && last.outcomes !== undefined
      this.#isExact = this.#isExact && isNext
    }
  }
}

function differenceIn(tick: Tick, decisions: readonly Decision[]): ReplayDifference | undefined {
  const today = new Map(decisions.map((d) => [d.group, asStored(d)]))
  for (const stored of tick.decisions) {
    const again = today.get(stored.group)
    today.delete(stored.group)
    if (isDeepStrictEqual(again, stored)) continue
    return { tick, group: stored.group, stored, ...(again === undefined ? {} : { today: again }) }
  }
  for (const [group, again] of today) return { tick, group, today: again }
  return undefined
}

function asStored(decision: Decision): Decision {
  return JSON.parse(JSON.stringify(decision)) as Decision
}
