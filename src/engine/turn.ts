// One turn of the loop, the product in a few lines: observe → decide → plan → store → act →
// remember → store.
import { decide } from '../core/decide.ts'
import type { Command, Fault, Memory, Outcome, Spec, Tick } from '../core/model.ts'
import { makePlan } from '../core/plan.ts'
import type { Store } from '../core/ports.ts'
import { remember } from '../core/remember.ts'
import { CORE_VERSION } from '../core/version.ts'
import type { Actor } from './act.ts'
import type { Observer } from './observe.ts'

/** Memory is kept at least this often, in ticks. */
const KEEP_EVERY = 100

/** The pure part of a turn. */
export interface Thought {
  readonly decide: typeof decide
  readonly makePlan: typeof makePlan
  readonly remember: typeof remember
}

/** The core as it is. */
export const THOUGHT: Thought = { decide, makePlan, remember }

/** What one turn starts from; `id` is the number of its tick. */
export interface TurnInput {
  readonly id: number
  /** Whether it is the first turn of its controller. */
  readonly begins?: boolean
  readonly spec: Spec
  readonly memory: Memory
  readonly commands: readonly Command[]
  readonly storeWritable: boolean
}

/** What one turn leaves for the next. */
export interface Turned {
  readonly tick: Tick
  readonly memory: Memory
  /** Why the tick is not (completely) stored. */
  readonly storeFault?: Fault
}

/** What a turn is made with. */
export interface TurnParts {
  readonly observer: Observer
  readonly actor: Actor
  readonly store: Store
  /** Another core than the one there is, for experiments. */
  readonly thought?: Thought
}

/** Makes one tick. The plan is stored before it is carried out. */
export async function turn(input: TurnInput, parts: TurnParts): Promise<Turned> {
  const { id, spec } = input
  const { decide, makePlan, remember } = parts.thought ?? THOUGHT
  const seen = await parts.observer.observe(spec, input.commands, input.storeWritable)
  const { observation } = seen
  const decided = decide(spec, observation, input.memory)
  const plan = makePlan(spec, observation, decided.memory)
  const begins = input.begins === true ? ({ begins: true } as const) : {}
  const base = { id, specHash: spec.hash, coreVersion: CORE_VERSION, ...begins }
  const planned: Tick = { ...base, observation, decisions: decided.decisions, plan }
  const planFault = plan.actions.length > 0 ? parts.store.plan(planned) : undefined
  // Who asked for an end gets it, stored or not.
  const stored = planFault === undefined || decided.memory.shutdown
  const outcomes = await parts.actor.act({
    spec,
    plan,
    observation,
    balancer: seen.balancer,
    stored,
  })
  const memory = remember(decided.memory, decided.decisions, outcomes, observation.atMs)
  const tick: Tick = { ...planned, outcomes }
  const keep = id % KEEP_EVERY === 0 || worthKeeping(input, outcomes)
  const storeFault = parts.store.finish(tick, keep ? memory : undefined) ?? planFault
  return { tick, memory, ...(storeFault === undefined ? {} : { storeFault }) }
}

function worthKeeping(input: TurnInput, outcomes: readonly Outcome[]): boolean {
  // After ticks that were not stored, what is stored leads nowhere without it.
  return input.commands.length > 0 || outcomes.length > 0 || !input.storeWritable
}
