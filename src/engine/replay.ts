// Stored observations through today's code: every decision must come out as it was made.
import { isDeepStrictEqual } from 'node:util'
import { EMPTY_MEMORY } from '../core/memory.ts'
import type { Decision, Memory, Tick } from '../core/model.ts'
import type { Kept, Store } from '../core/ports.ts'
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

/** What a replay may be given beside the store. */
export interface ReplayOptions {
  /** Another core than today's, to see what it would have decided. */
  readonly thought?: Thought
  /** Called now and then with the ticks so far. */
  readonly progress?: (ticks: number) => void
}

/** Decides the ticks since `sinceMs` again, up to the first difference. Throws E_STORE. */
export function replay(store: Store, sinceMs: number, options: ReplayOptions = {}): Replayed {
  const run = new Replay(store, options.thought ?? THOUGHT)
  for (const kept of store.history(sinceMs)) {
    const difference = run.add(kept)
    options.progress?.(run.counts().ticks)
    if (difference !== undefined) return { ...run.counts(), difference }
  }
  return run.counts()
}

const UNKNOWN = Number.NaN

class Replay {
  readonly #store: Store
  readonly #thought: Thought
  /** As a controller would recover it; exact where no tick is missing. */
  #memory: Memory = EMPTY_MEMORY
  /** Whether it is what the last tick really left; true of the beginning of all. */
  #isExact = true
  /** The tick that left this memory. */
  #after = 0
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

  /** What is next in the history; the first difference, where it is a tick that has one. */
  add(kept: Kept): ReplayDifference | undefined {
    if (kept.kind === 'tick') return this.#decide(kept.tick)
    this.#memory = kept.memory
    this.#after = kept.after
    this.#isExact = true
    return undefined
  }

  #decide(tick: Tick): ReplayDifference | undefined {
    this.#enter(tick)
    const spec = this.#store.spec(tick.specHash)
    if (spec === undefined) this.#isExact = false
    // Without its outcomes nobody knows what it left.
    this.#after = tick.outcomes === undefined ? UNKNOWN : tick.id
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

  // Whether what the tick was decided on is known.
  #enter({ id, begins }: Tick): void {
    // A new controller recovers as is done here, and does not continue a shutdown.
    if (begins === true) this.#memory = { ...this.#memory, shutdown: false }
    this.#isExact = begins === true || (this.#isExact && id === this.#after + 1)
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
