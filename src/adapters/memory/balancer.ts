// A balancer as arithmetic: a given rate over the targets it was told, with a queue where they are
// too few.
import { fault } from '../../core/errors.ts'
import type { CheckFailure } from '../../core/health/model.ts'
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

/** What a target's recent requests are counted over. */
const RECENT_S = 10

interface Load {
  /** Requests per second. */
  readonly rps: number
  /** Time to serve one, in milliseconds. */
  readonly serviceMs: number
  /** Requests one instance serves at once; more wait. */
  readonly slots: number
}

/** What is wrong with checks: how they fail, and in which words. */
interface Failing {
  readonly check: CheckFailure
  readonly reason: string
}

interface State {
  requests: number
  ok: number
  server: number
  badGateway: number
  inFlightMs: number
  backlog: number
  waitMs: number
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
  /** Makes the checks of all instances fail; they are given requests all the same. */
  failing: Failing | undefined
  /** Checks get no answer while requests wait for longer than this, in milliseconds. */
  patienceMs = Number.POSITIVE_INFINITY
  /** Instances that pass their checks and break this share of their requests. */
  readonly breaking = new Map<string, number>()
  /** Share of responses that are errors of the application. */
  errorsShare = 0
  groups: readonly BalancerGroup[] = []
  readonly #health = new Map<string, { readonly healthy: boolean; readonly sinceMs: number }>()
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
    state.waitMs = waitMs
    const broken = served * this.#brokenShare(group)
    const server = (served - broken) * this.errorsShare
    state.badGateway += broken
    state.server += server
    state.ok += served - broken - server
    const { ok, badGateway } = state
    return {
      requests: this.garbled ? Number.NaN : state.requests,
      ...{ ok, client: 0, server: state.server, badGateway, shed: 0, retried: 0 },
      inFlight: Math.round(inFlight),
      waiting: Math.round(state.backlog),
      inFlightMs: this.garbled ? Number.NaN : state.inFlightMs,
      latency: [...state.latency],
    }
  }

  // Requests are spread evenly.
  #brokenShare(group: BalancerGroup): number {
    const serving = this.#serving(group)
    const shares = serving.map((instance) => this.breaking.get(instance) ?? 0)
    return shares.reduce((sum, share) => sum + share, 0) / Math.max(1, serving.length)
  }

  #targets(group: BalancerGroup, counters: BalancerCounters): readonly TargetStatus[] {
    const serving = Math.max(1, this.#serving(group).length)
    return group.targets.map(({ instance, state }) => ({
      instance,
      state,
      ...this.#check(group, instance),
      inFlight: state === 'draining' ? 0 : counters.inFlight / serving,
      recent: this.#recent(group, instance, serving),
    }))
  }

  #check(
    group: BalancerGroup,
    instance: string,
  ): Omit<TargetStatus, 'instance' | 'state' | 'inFlight'> {
    const failing = this.#failing(group, instance)
    const healthy = failing === undefined
    const before = this.#health.get(instance)
    const turned = before === undefined || before.healthy !== healthy
    const health = turned ? { healthy, sinceMs: this.#clock.now() } : before
    this.#health.set(instance, health)
    const healthSinceMs = health.sinceMs
    if (failing === undefined) return { health: 'healthy', healthSinceMs, healthReason: 'answers' }
    const { check, reason } = failing
    return { health: 'unhealthy', healthSinceMs, healthReason: reason, check }
  }

  #failing(group: BalancerGroup, instance: string): Failing | undefined {
    if (this.hung.has(instance)) return { check: 'silent', reason: 'no answer' }
    if (this.failing !== undefined) return this.failing
    const waitMs = this.#states.get(group.group)?.waitMs ?? 0
    if (waitMs <= this.patienceMs) return undefined
    return { check: 'silent', reason: 'GET /healthz was not answered within 1 s' }
  }

  #recent(
    group: BalancerGroup,
    instance: string,
    serving: number,
  ): TargetStatus['recent'] & object {
    const rps = this.load.get(group.group)?.rps ?? 0
    const requests = Math.round((rps * RECENT_S) / serving)
    return { requests, failures: Math.round(requests * (this.breaking.get(instance) ?? 0)) }
  }
}

function fresh(atMs: number): State {
  const latency = new Array<number>(LATENCY_BOUNDS_MS.length + 1).fill(0)
  const ended = { ok: 0, server: 0, badGateway: 0 }
  return { requests: 0, ...ended, inFlightMs: 0, backlog: 0, waitMs: 0, latency, atMs }
}
