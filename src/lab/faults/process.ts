// One controller process of a fault run: the ports as it reaches them. Answers come late, twice or
// not at all, calls are throttled, and the process can die in the middle of anything.
import { fault } from '../../core/errors.ts'
import type { Action, Outcome, Tick } from '../../core/model.ts'
import type { BalancerStatus, Cancel, Provider, Random, Store } from '../../core/ports.ts'
import type { Ports } from '../../engine/controller.ts'
import type { FaultWorld } from './world.ts'

/** How badly the ports behave just now; shares are chances of 0 to 1. */
export interface Weather {
  /** The provider's answers come so late, in milliseconds. */
  providerLateMs: number
  /** The balancer's answers come so late. */
  balancerLateMs: number
  /** Share of the balancer's answers that are an old one again. */
  repeats: number
  /** Share of the calls to change something that are refused. */
  throttled: number
  /** Share of them that are carried out and reported as failed. */
  misreported: number
  /** How long they take. */
  slowMs: number
  /** Share of the balancer's configurations that are refused. */
  refused: number
}

/** Everything in order. */
export const CALM: Weather = {
  providerLateMs: 0,
  balancerLateMs: 0,
  repeats: 0,
  throttled: 0,
  misreported: 0,
  slowMs: 0,
  refused: 0,
}

/** Where a process can be made to die. */
export const DEATHS = [
  'before the plan is stored',
  'after the plan is stored',
  'before an action',
  'after an action',
  'before the tick is stored',
  'after the tick is stored',
] as const
/** One of these places. */
export type Death = (typeof DEATHS)[number]

/** How long a source may take until it is missing for the turn: the engine's own deadline. */
const SOURCE_MS = 2_000

/** What a process saw and did in one turn, whatever it made of that. */
export interface Witness {
  /** Whether it could not know what runs. */
  isWithoutProvider: boolean
  /** Whether it could not know what is carried, or was told numbers that are none. */
  isWithoutBalancer: boolean
  isGarbled: boolean
  /** Things that must never happen. */
  readonly wrong: string[]
}

/** A process, until it dies: from then on it does nothing and hears nothing any more. */
export class FaultProcess {
  readonly ports: Ports
  dead = false
  /** Where it is going to die next. */
  death: Death | undefined
  witness: Witness = newWitness()
  readonly #world: FaultWorld
  readonly #weather: Weather
  readonly #random: Random
  readonly #busy = new Set<string>()
  #planned: readonly Action[] = []
  #isObserving = true
  #last: BalancerStatus | undefined

  constructor(world: FaultWorld, weather: Weather, random: Random) {
    this.#world = world
    this.#weather = weather
    this.#random = random
    this.ports = {
      provider: this.#provider(),
      balancer: this.#balancer(),
      host: { cores: world.host.cores, cpuPercent: () => this.#alive(world.host.cpuPercent()) },
      gauge: { saturation: (r, cancel) => this.#alive(world.gauge.saturation(r, cancel)) },
      store: this.#store(),
      clock: {
        now: () => world.clock.now(),
        monotonic: () => world.clock.monotonic(),
        sleep: (ms, cancel) => this.#alive(world.clock.sleep(ms, cancel)),
      },
      random,
    }
  }

  /** Begins the next turn. */
  next(): void {
    this.witness = newWitness()
    this.#isObserving = true
  }

  // Who is dead waits for ever.
  async #alive<T>(result: Promise<T>): Promise<T> {
    const value = await result
    return this.dead ? new Promise<T>(() => {}) : value
  }

  #dies(at: Death): boolean {
    if (this.death === at) this.dead = true
    return this.dead
  }

  #provider(): Provider {
    const { provider } = this.#world
    return {
      observe: async (group, cancel) => {
        const late = this.#weather.providerLateMs
        await this.#late(late, cancel)
        const status = await provider.observe(group, cancel)
        if (this.#isObserving && (late >= SOURCE_MS || status.kind === 'unknown'))
          this.witness.isWithoutProvider = true
        return this.#alive(Promise.resolve(status))
      },
      apply: (action, group, cancel) => {
        this.#isObserving = false
        if (this.dead || this.#dies('before an action')) return new Promise<Outcome>(() => {})
        const result = this.#apply(action, () => provider.apply(action, group, cancel), cancel)
        return this.#alive(result)
      },
      adopt: (cancel) => this.#alive(provider.adopt(cancel)),
      logs: (group, instance, lines) => provider.logs(group, instance, lines),
      onChange: () => {},
      close: async () => {},
    }
  }

  async #apply(action: Action, apply: () => Promise<Outcome>, cancel: Cancel): Promise<Outcome> {
    const { throttled, misreported, slowMs } = this.#weather
    const id = 'instance' in action ? action.instance : ''
    this.#judge(action, id)
    if (this.#random() < throttled) return failed(action, 'E_TIMEOUT', 'too many calls')
    this.#busy.add(id)
    await this.#late(slowMs, cancel)
    this.#busy.delete(id)
    // Who was given up on does not do it afterwards.
    if (this.dead || cancel.aborted) return failed(action, 'E_TIMEOUT', 'given up')
    const outcome = await apply()
    this.#dies('after an action')
    const isWrong = this.#random() < misreported
    return isWrong ? failed(action, 'E_TIMEOUT', 'the answer was lost') : outcome
  }

  #judge(action: Action, id: string): void {
    const { wrong } = this.witness
    if (!this.#planned.includes(action))
      wrong.push(`${action.kind} ${id} before its plan is stored`)
    if (this.#busy.has(id)) wrong.push(`${action.kind} ${id} while another call for it goes on`)
    const isThere = this.#world.provider.all().some((i) => i.id === id)
    if (action.kind === 'start' && isThere) wrong.push(`start ${id}, which is there`)
  }

  #balancer(): Ports['balancer'] {
    const { balancer } = this.#world
    return {
      name: balancer.name,
      start: async (cancel) => {
        if (this.dead) return new Promise(() => {})
        return this.#alive(balancer.start(cancel))
      },
      observe: async (cancel) => {
        const late = this.#weather.balancerLateMs
        await this.#late(late, cancel)
        const status = await balancer.observe(cancel)
        const isRepeat = this.#last !== undefined && this.#random() < this.#weather.repeats
        const answer = isRepeat ? (this.#last ?? status) : status
        this.#last = answer
        if (answer.kind === 'down' || late >= SOURCE_MS) this.witness.isWithoutBalancer = true
        if (isGarbled(answer)) this.witness.isGarbled = true
        return this.#alive(Promise.resolve(answer))
      },
      configure: async (groups, cancel) => {
        if (this.dead) return new Promise(() => {})
        const isRefused = this.#random() < this.#weather.refused
        if (isRefused) return fault('E_BALANCER', 'refused on purpose', true)
        return this.#alive(balancer.configure(groups, cancel))
      },
      onChange: () => {},
      stop: (graceMs, cancel) => balancer.stop(graceMs, cancel),
      close: async () => {},
    }
  }

  // Dying shows in what comes after: the calls of a store can't wait for ever.
  #store(): Store {
    const { store } = this.#world
    return {
      plan: (tick: Tick) => {
        if (this.dead || this.#dies('before the plan is stored')) return undefined
        this.#planned = tick.plan.actions
        const result = store.plan(tick)
        this.#dies('after the plan is stored')
        return result
      },
      finish: (tick, memory) => {
        if (this.dead || this.#dies('before the tick is stored')) return undefined
        const result = store.finish(tick, memory)
        this.#dies('after the tick is stored')
        return result
      },
      saveSpec: (spec) => (this.dead ? undefined : store.saveSpec(spec)),
      spec: (hash) => store.spec(hash),
      recover: () => store.recover(),
      history: (sinceMs) => store.history(sinceMs),
      tick: (id) => store.tick(id),
      ticks: (query) => store.ticks(query),
      close: () => {},
    }
  }

  async #late(ms: number, cancel: Cancel): Promise<void> {
    if (ms > 0) await this.#world.clock.sleep(ms, cancel)
  }
}

function isGarbled(status: BalancerStatus): boolean {
  return status.kind === 'up' && status.groups.some((g) => Number.isNaN(g.counters.requests))
}

function newWitness(): Witness {
  return { isWithoutProvider: false, isWithoutBalancer: false, isGarbled: false, wrong: [] }
}

function failed(action: Action, code: 'E_TIMEOUT', message: string): Outcome {
  return { kind: 'failed', action, fault: fault(code, message, true) }
}
