// A balancer as arithmetic: a given rate over the targets it was told, with a queue where they are
// too few.
import { fault } from '../../core/errors.ts'
import type { Fault, TargetStatus } from '../../core/model.ts'
import {
  type Balancer,
  type BalancerCounters,
  type BalancerGroup,
  type BalancerStatus,
  type Cancel,
  LATENCY_BOUNDS_MS,
} from '../../core/ports.ts'
import type { MemoryClock } from './clock.ts'

interface Load {
  /** Requests per second. */
  readonly rps: number
  /** Time to serve one, in milliseconds. */
  readonly serviceMs: number
  /** Requests one instance serves at once; more wait. */
  readonly slots: number
}

interface State {
  requests: number
  inFlightMs: number
  backlog: number
  latency: number[]
  atMs: number
}

/** Set `load` per group, then let time pass. */
export class MemoryBalancer implements Balancer {
  readonly name = 'memory'
  down = false
  /** Answers NaN where numbers belong. */
  garbled = false
  readonly load = new Map<string, Load>()
  /** Instances that do not answer. */
  readonly hung = new Set<string>()
  groups: readonly BalancerGroup[] = []
  readonly #clock: MemoryClock
  readonly #states = new Map<string, State>()
  #starts = 0

  constructor(clock: MemoryClock) {
    this.#clock = clock
  }

  async start(_cancel: Cancel): Promise<Fault | undefined> {
    this.down = false
    this.#starts++
    this.#states.clear()
    return undefined
  }

  async observe(_cancel: Cancel): Promise<BalancerStatus> {
    if (this.down || this.#starts === 0) {
      return { kind: 'down', fault: fault('E_BALANCER', 'it does not run', true) }
    }
    const groups = this.groups.map((g) => {
      const counters = this.#counters(g)
      return { group: g.group, targets: this.#targets(g, counters), counters }
    })
    return { kind: 'up', startId: `${this.#starts}`, monotonicMs: this.#clock.monotonic(), groups }
  }

  async configure(groups: readonly BalancerGroup[], _cancel: Cancel): Promise<Fault | undefined> {
    if (this.down) return fault('E_BALANCER', 'it does not run', true)
    this.groups = groups
    return undefined
  }

  onChange(_listener: () => void): void {}

  async stop(_graceMs: number, _cancel: Cancel): Promise<void> {
    this.down = true
  }

  async close(): Promise<void> {}

  #serving(group: BalancerGroup): readonly string[] {
    const active = group.targets.filter((t) => t.state === 'active')
    return active.map((t) => t.instance).filter((i) => !this.hung.has(i))
  }

  #counters(group: BalancerGroup): BalancerCounters {
    const { rps, serviceMs, slots } = this.load.get(group.group) ?? {
      rps: 0,
      serviceMs: 100,
      slots: 10,
    }
    const nowMs = this.#clock.monotonic()
    const state = this.#states.get(group.group) ?? fresh(nowMs)
    this.#states.set(group.group, state)
    const elapsedMs = nowMs - state.atMs
    state.atMs = nowMs
    const capacity = (this.#serving(group).length * slots * 1_000) / serviceMs
    const arrived = (rps * elapsedMs) / 1_000
    const served = Math.min(state.backlog + arrived, (capacity * elapsedMs) / 1_000)
    state.requests += arrived
    state.backlog = Math.min(10_000, state.backlog + arrived - served)
    const waitMs = capacity > 0 ? (state.backlog / capacity) * 1_000 : 60_000
    const busy = (Math.min(rps, capacity) * serviceMs) / 1_000
    const inFlight = busy + state.backlog
    state.inFlightMs += inFlight * elapsedMs
    const bucket = LATENCY_BOUNDS_MS.findIndex((b) => b >= serviceMs + waitMs)
    state.latency[bucket === -1 ? LATENCY_BOUNDS_MS.length : bucket] =
      (state.latency[bucket] ?? 0) + served
    return {
      requests: this.garbled ? Number.NaN : state.requests,
      ...{ ok: state.requests, client: 0, server: 0, badGateway: 0, shed: 0, retried: 0 },
      inFlight: Math.round(inFlight),
      waiting: Math.round(state.backlog),
      inFlightMs: this.garbled ? Number.NaN : state.inFlightMs,
      latency: [...state.latency],
    }
  }

  #targets(group: BalancerGroup, counters: BalancerCounters): readonly TargetStatus[] {
    const serving = Math.max(1, this.#serving(group).length)
    return group.targets.map((t) => ({
      instance: t.instance,
      state: t.state,
      health: this.hung.has(t.instance) ? 'unhealthy' : 'healthy',
      healthSinceMs: 0,
      healthReason: this.hung.has(t.instance) ? 'no answer' : 'answers',
      inFlight: t.state === 'draining' ? 0 : counters.inFlight / serving,
    }))
  }
}

function fresh(atMs: number): State {
  const latency = new Array<number>(LATENCY_BOUNDS_MS.length + 1).fill(0)
  return { requests: 0, inFlightMs: 0, backlog: 0, latency, atMs }
}
