// One fault run: a seeded world in which things go wrong, the real loop in it, and what must hold.
import { isDeepStrictEqual } from 'node:util'
import type { GroupMemory, Memory, Spec, Tick } from '../../core/model.ts'
import { Controller, type Ports } from '../../engine/controller.ts'
import { recover } from '../../engine/recover.ts'
import { replay } from '../../engine/replay.ts'
import { THOUGHT, type Thought } from '../../engine/turn.ts'
import { seeded } from '../random.ts'
import { broken, type Past } from './invariants.ts'
import { CALM, FaultProcess, type Weather } from './process.ts'
import { changeLoad, chooseTroubles, heal, type Shaken } from './shake.ts'
import {
  drawVariant,
  type FaultWorld,
  GROUP,
  START_TIMEOUT_MS,
  specOf,
  TARGET,
  type Variant,
} from './world.ts'

/** A fault planted in the code on purpose: another core, or other ports. */
export interface Mutant {
  readonly name: string
  readonly thought?: Partial<Thought>
  readonly wrap?: (ports: Ports) => Ports
}

/** What came of a run. */
export interface Played {
  readonly seed: number
  /** What happened, and how often: faults, deaths, guards (as `guard NAME`) and more. */
  readonly marks: ReadonlyMap<string, number>
  /** The first promise that was broken, in words; absent where all held. */
  readonly violation?: string
}

/** Seconds in which things go wrong, and at most so many until all has come to rest. */
const TROUBLED_S = 70
const CALM_MOST_S = 240
/** It is at rest when nothing was done for so long. */
const REST_S = 15
/** Time passes in steps of this; a turn is a second. */
const STEP_MS = 250
const TURN_MOST_STEPS = 400
/** The load at rest and what it needs. */
const REST_LOAD = { rps: 300, serviceMs: 100, slots: 10 }
const REST_INSTANCES = Math.ceil((REST_LOAD.rps * REST_LOAD.serviceMs) / 1_000 / TARGET)
/** Out and in again, and once more where the trouble just before calls for it. */
const MOST_TURNS_ROUND = 3
/** What was wanted is remembered for so many turns. */
const REMEMBERED = 60

/** Plays one seed. `makeWorld` gives a world that nothing has happened to. */
export async function play(
  seed: number,
  makeWorld: () => FaultWorld,
  mutant?: Mutant,
): Promise<Played> {
  const run = new Run(seed, makeWorld(), mutant)
  const violation = await run.play().catch((error: unknown) => {
    if (error instanceof Violation) return error.message
    throw error
  })
  return { seed, marks: run.marks, ...(violation === undefined ? {} : { violation }) }
}

class Violation extends Error {}

/** Instances that start in time or are ready, and those that have not ended. */
interface Counts {
  readonly ids: ReadonlySet<string>
  readonly live: number
  readonly running: number
}

class Run {
  readonly marks = new Map<string, number>()
  readonly #world: FaultWorld
  readonly #spec: Spec
  readonly #variant: Variant
  readonly #thought: Thought
  readonly #mutant: Mutant | undefined
  readonly #random: ReturnType<typeof seeded>
  readonly #weather: Weather = { ...CALM }
  #process: FaultProcess
  #controller: Controller | undefined
  #tick: Tick | undefined
  #second = 0
  #past: Past
  #steppedMs: number

  constructor(seed: number, world: FaultWorld, mutant: Mutant | undefined) {
    this.#world = world
    this.#mutant = mutant
    this.#thought = { ...THOUGHT, ...mutant?.thought }
    this.#random = seeded(seed)
    this.#variant = drawVariant(this.#random)
    this.#spec = specOf(this.#variant)
    this.#process = new FaultProcess(world, this.#weather, this.#random)
    this.#past = { wants: [], sinceMs: world.clock.now() }
    this.#steppedMs = world.clock.now() - world.clock.monotonic()
    world.provider.bootMs = 500 + this.#random() * 6_000
  }

  async play(): Promise<undefined> {
    const troubles = chooseTroubles(this.#random)
    await this.#start()
    for (; this.#second < TROUBLED_S; this.#second += 1) {
      const shaken = this.#shaken()
      for (const trouble of troubles) trouble(shaken, (share) => this.#random() < share)
      changeLoad(shaken)
      await this.#turn()
    }
    heal(this.#world, this.#weather)
    this.#process.death = undefined
    // By CPU alone so few are wanted that only so much can be carried.
    const load = this.#variant.sizing === 'cpu' ? { ...REST_LOAD, rps: 100 } : REST_LOAD
    this.#world.balancer.load.set(GROUP, load)
    await this.#settle()
    this.#replay()
    await this.#controller?.close()
    return undefined
  }

  #shaken(): Shaken {
    return {
      world: this.#world,
      weather: this.#weather,
      process: this.#process,
      random: this.#random,
      mark: (name) => this.#mark(name),
      command: (command) => void this.#controller?.submit(command),
    }
  }

  #mark(name: string): void {
    this.marks.set(name, (this.marks.get(name) ?? 0) + 1)
  }

  #fail(what: string): never {
    throw new Violation(`second ${this.#second}: ${what}`)
  }

  // A controller process, with what an earlier one has left.
  async #start(): Promise<void> {
    const { ports } = this.#process
    const options = { paused: true, thought: this.#thought }
    const starting = Controller.start(this.#spec, this.#mutant?.wrap?.(ports) ?? ports, options)
    let isUp = false
    starting.then(
      () => {
        isUp = true
      },
      () => {
        isUp = true
      },
    )
    for (let n = 0; n < TURN_MOST_STEPS && !isUp; n += 1) await this.#pass()
    const controller = await starting
    controller.onTick((tick) => {
      this.#tick = tick
    })
    controller.resume()
    this.#controller = controller
    if (controller.state.interrupted !== undefined) this.#mark('interrupted plan')
  }

  // The next process finds what is stored and what runs.
  async #restart(): Promise<void> {
    const { missingTicks = 0 } = this.#controller?.state ?? {}
    // What was not stored is not remembered either.
    if (missingTicks > 0 || this.#world.store.broken) this.#forget()
    this.#mark('restart')
    this.#process = new FaultProcess(this.#world, this.#weather, this.#random)
    await this.#start()
  }

  #forget(): void {
    this.#past = { wants: [], sinceMs: this.#world.clock.now() }
  }

  async #pass(): Promise<void> {
    this.#world.clock.advance(STEP_MS)
    await new Promise((done) => setImmediate(done))
  }

  /** One turn, unless the process dies in it. */
  async #turn(): Promise<Tick | undefined> {
    const before = this.#counts()
    this.#tick = undefined
    this.#process.next()
    for (let n = 0; n < TURN_MOST_STEPS && this.#tick === undefined; n += 1) {
      await this.#pass()
      if (this.#process.dead) {
        await this.#restart()
        return undefined
      }
    }
    const tick = this.#tick as Tick | undefined
    if (tick === undefined) this.#fail(`no turn: ${this.#controller?.state.turnError}`)
    const memory = this.#controller?.state.memory
    if (memory !== undefined) this.#check(tick, memory, before)
    return tick
  }

  #counts(): Counts {
    const all = this.#world.provider.all()
    const bornMs = this.#world.clock.now() - START_TIMEOUT_MS
    const live = all.filter(
      (i) => i.phase === 'ready' || (i.phase === 'starting' && i.startedAtMs >= bornMs),
    ).length
    const ids = new Set(all.map((i) => i.id))
    return { live, ids, running: all.filter((i) => i.phase !== 'exited').length }
  }

  #check(tick: Tick, { groups }: Memory, before: Counts): void {
    const [group] = this.#spec.groups
    const [decision] = tick.decisions
    const memory = groups[GROUP]
    if (group === undefined || decision === undefined || memory === undefined) {
      this.#fail('a turn without a decision')
    }
    this.#watchClock()
    const after = this.#counts()
    const violations = broken({
      ...{ group, tick, decision, memory, witness: this.#process.witness, past: this.#past },
      started: [...after.ids].filter((id) => !before.ids.has(id)).length,
      liveAfter: after.live,
      ...{ runningBefore: before.running, runningAfter: after.running },
    })
    const [first] = violations
    if (first !== undefined)
      this.#fail(`${first}; ${decision.from} → ${decision.to}: ${decision.reason}`)
    for (const { guard } of decision.adjustments) this.#mark(`guard ${guard}`)
    for (const { kind } of tick.outcomes ?? []) this.#mark(`outcome ${kind}`)
    if (memory.manual !== undefined) this.#mark('manual')
    if (memory.replacing !== undefined) this.#mark('replacing')
    this.#note(tick, memory)
  }

  // After a clock was set, ages mean nothing any more.
  #watchClock(): void {
    const { clock } = this.#world
    const steppedMs = clock.now() - clock.monotonic()
    if (steppedMs !== this.#steppedMs) this.#forget()
    this.#steppedMs = steppedMs
  }

  #note({ observation: { atMs }, decisions, outcomes = [] }: Tick, memory: GroupMemory): void {
    const [decision] = decisions
    if (decision === undefined) return
    const wants = decision.recommendations.flatMap((r) => (r.kind === 'want' ? [r.instances] : []))
    // Nothing is wanted above what the calendar allows.
    const { floor, ceiling } = memory.schedule ?? {}
    const most = Math.max(ceiling?.instances ?? Number.POSITIVE_INFINITY, floor?.instances ?? 0)
    const instances = Math.min(most, Math.max(...wants))
    const top = wants.length === 0 ? [] : [{ atMs, instances }]
    const kept = [...this.#past.wants, ...top].slice(-REMEMBERED)
    const hasGrown =
      decision.to > decision.from &&
      outcomes.some((o) => o.kind === 'applied' && o.action.kind === 'start')
    this.#past = { ...this.#past, wants: kept, ...(hasGrown ? { grewAtMs: atMs } : {}) }
  }

  // When nothing goes wrong any more and the load is steady, it comes to rest where it belongs.
  async #settle(): Promise<void> {
    let [still, round, last] = [0, 0, 0]
    const endS = this.#second + CALM_MOST_S
    for (; this.#second < endS; this.#second += 1) {
      const tick = await this.#turn()
      if (tick === undefined) continue
      const [decision] = tick.decisions
      const direction = Math.sign((decision?.to ?? 0) - (decision?.from ?? 0))
      if (direction !== 0 && direction !== last) round += 1
      if (direction !== 0) last = direction
      still = tick.plan.actions.length === 0 && this.#isAtRest() ? still + 1 : 0
      if (still >= REST_S) break
    }
    const decision = this.#tick?.decisions[0]
    if (still < REST_S) this.#fail(`not at rest under a steady load: ${decision?.reason}`)
    // A window of the calendar that begins and ends meanwhile turns it round twice more.
    const most = MOST_TURNS_ROUND + (this.#variant.calendar === 'nothing' ? 0 : 2)
    if (round > most) this.#fail(`${round} changes of direction under a steady load`)
  }

  #isAtRest(): boolean {
    const desired = this.#controller?.state.memory.groups[GROUP]?.desired
    const ready = this.#world.provider.all().filter((i) => i.phase === 'ready').length
    const targets = this.#world.balancer.groups[0]?.targets ?? []
    const active = targets.filter((t) => t.state === 'active').length
    // Only what carries a number of requests each is sized by arithmetic alone.
    const { sizing, hours } = this.#variant
    const isSized = sizing !== 'in_flight' || hours || desired === REST_INSTANCES
    return isSized && ready === desired && active === desired
  }

  // The stored observations lead to the same decisions again.
  #replay(): void {
    const { ticks, difference } = replay(this.#world.store, 0)
    if (difference !== undefined) {
      const { tick, stored, today } = difference
      this.#fail(`tick ${tick.id} decided again: ${today?.to} instead of ${stored?.to}`)
    }
    if (ticks > 0) this.#mark('replayed')
    const state = this.#controller?.state
    if (state === undefined || state.missingTicks > 0) return
    const { memory } = recover(this.#world.store, this.#thought).recovered
    if (isDeepStrictEqual(memory, JSON.parse(JSON.stringify(state.memory)))) this.#mark('recovered')
    else this.#fail('what would be recovered is not what is remembered')
  }
}
