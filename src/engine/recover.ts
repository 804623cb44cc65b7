// Memory after a restart: the newest kept one, with the ticks since folded in by the same pure
// functions.
import { EMPTY_MEMORY } from '../core/memory.ts'
import type { Fault, Memory, Spec, Tick } from '../core/model.ts'
import type { Store } from '../core/ports.ts'
import { THOUGHT, type Thought } from './turn.ts'

/** Where an earlier controller left off; `lastId` is 0 where there was none. */
export interface Recovered {
  readonly memory: Memory
  readonly lastId: number
  /** The specification of the last tick, to see what a changed file changes. */
  readonly spec?: Spec
  /** A tick whose plan was stored but whose outcomes were not: the controller ended in between. */
  readonly interrupted?: number
}

/** Reads the store; a store that can not be read starts from nothing, with the fault beside it. */
export function recover(
  store: Store,
  thought: Thought = THOUGHT,
): { readonly recovered: Recovered; readonly fault?: Fault } {
  const kept = store.recover()
  if ('code' in kept) return { recovered: { memory: EMPTY_MEMORY, lastId: 0 }, fault: kept }
  let memory = kept.memory ?? EMPTY_MEMORY
  for (const tick of kept.ticks) memory = refold(tick, memory, store.spec(tick.specHash), thought)
  const last = kept.ticks.at(-1) ?? store.tick(kept.lastId)
  const spec = last === undefined ? undefined : store.spec(last.specHash)
  const interrupted = last !== undefined && last.outcomes === undefined ? last.id : undefined
  return {
    recovered: {
      // A shutdown that was cut short is not continued: starting again means wanting it up.
      memory: { ...memory, shutdown: false },
      lastId: kept.lastId,
      ...(spec === undefined ? {} : { spec }),
      ...(interrupted === undefined ? {} : { interrupted }),
    },
  }
}

/** The memory after a stored tick; unchanged when its specification is no longer kept. */
function refold(
  tick: Tick,
  memory: Memory,
  spec: Spec | undefined,
  { decide, remember }: Thought,
): Memory {
  if (spec === undefined) return memory
  const decided = decide(spec, tick.observation, memory)
  return remember(decided.memory, decided.decisions, tick.outcomes ?? [], tick.observation.atMs)
}
