// The state of the loop as the doors show it: one JSON shape for CLI, API and page.
import { observationOf } from '../core/decide.ts'
import { headline } from '../core/explain.ts'
import { generationOf } from '../core/memory.ts'
import type { GroupSpec, Instance, Reading, TargetStatus, Tick } from '../core/model.ts'
import type { LoopState } from './controller.ts'

/** A reading for people: the number, or null with the reason beside it. */
export interface ReadingView {
  readonly value: number | null
  readonly missing?: string
}

/** One instance; times are ISO 8601, CPU is percent of one core. */
export interface InstanceView {
  readonly id: string
  readonly phase: string
  readonly health: string
  readonly pid: number | null
  readonly address: string
  readonly generation: string
  readonly started_at: string
  readonly in_flight: number | null
  readonly cpu_percent: ReadingView
  readonly memory_bytes: ReadingView
  readonly detail?: string
}

/** One group as it is now: wanted and ready instances, what they carry, and what is in force. */
export interface GroupView {
  readonly group: string
  readonly mode: string
  readonly desired: number
  readonly ready: number
  readonly min_instances: number
  readonly max_instances: number
  readonly listen: string | null
  readonly instances: readonly InstanceView[]
  readonly readings: Readonly<Record<string, ReadingView>>
  readonly decision: string | null
  readonly manual: {
    readonly instances: number
    readonly until: string
    readonly by: string
  } | null
  readonly hold: { readonly until: string; readonly by: string } | null
  readonly failures: { readonly count: number; readonly reason: string } | null
  readonly rollout: string
}

/** What carries the requests, why that one, and what people should know of it now. */
export interface BalancerView {
  readonly name: string
  readonly why: string
  readonly notices: readonly string[]
  /** Why it does not serve; absent while it does. */
  readonly down?: string
}

/** The whole application; `tick` and `at` are null before the first turn ended. */
export interface StatusView {
  readonly app: string
  readonly tick: number | null
  readonly at: string | null
  readonly adopted: number
  readonly host_cpu_percent: ReadingView
  readonly store: {
    readonly writable: boolean
    readonly missing_ticks: number
    readonly reason?: string
  }
  readonly turn_error?: string
  /** Null where no group serves HTTP. */
  readonly balancer: BalancerView | null
  readonly groups: readonly GroupView[]
}

/** Everything at once. */
export function statusView(state: LoopState, known?: BalancerView): StatusView {
  const seen = state.tick?.observation
  const seenDown = seen?.groups.flatMap((g) =>
    g.balancer?.kind === 'down' ? g.balancer.reason : [],
  )
  const down = seenDown?.[0]
  const balancer = known && { ...known, ...(down === undefined ? {} : { down }) }
  return {
    app: state.spec.app,
    tick: state.tick?.id ?? null,
    at: seen === undefined ? null : new Date(seen.atMs).toISOString(),
    adopted: state.adopted,
    host_cpu_percent: reading(seen?.hostCpuPercent),
    store: {
      writable: state.storeWritable,
      missing_ticks: state.missingTicks,
      ...(state.storeFault === undefined ? {} : { reason: state.storeFault.message }),
    },
    ...(state.turnError === undefined ? {} : { turn_error: state.turnError }),
    balancer: (state.spec.groups.some((g) => g.http !== undefined) ? balancer : undefined) ?? null,
    groups: state.spec.groups.map((g) => groupView(g, state)),
  }
}

/** One group. */
export function groupView(group: GroupSpec, state: LoopState): GroupView {
  const memory = state.memory.groups[group.name]
  const { tick } = state
  const instances = instancesIn(tick, group.name)
  const targets = targetsIn(tick, group.name)
  const decision = tick?.decisions.find((d) => d.group === group.name)
  const { manual, hold, failures } = memory ?? {}
  const http = group.http
  return {
    group: group.name,
    mode: group.mode,
    desired: memory?.desired ?? group.scaling.minInstances,
    ready: instances.filter((i) => isServing(i, group, targets)).length,
    min_instances: group.scaling.minInstances,
    max_instances: group.scaling.maxInstances,
    listen: http === undefined ? null : `${http.listen.host}:${http.listen.port}`,
    instances: instances.map((i) => instanceView(i, targets)),
    readings: readingsIn(tick, group.name),
    decision: decision === undefined ? null : headline(decision),
    manual:
      manual === undefined
        ? null
        : { instances: manual.instances, until: iso(manual.untilMs), by: manual.by },
    hold: hold === undefined ? null : { until: iso(hold.untilMs), by: hold.by },
    failures:
      failures === undefined || failures.count === 0
        ? null
        : { count: failures.count, reason: failures.reason },
    rollout: rollout(group, state, instances),
  }
}

function rollout(group: GroupSpec, state: LoopState, instances: readonly Instance[]): string {
  const memory = state.memory.groups[group.name]
  if (memory === undefined) return 'none'
  const generation = generationOf(group, memory)
  const old = instances.filter((i) => i.generation !== generation && i.phase !== 'exited')
  if (memory.rolloutFailed?.generation === generation && old.length > 0) {
    return `stopped: ${memory.rolloutFailed.reason}`
  }
  return old.length > 0 ? `rolling, ${old.length} to go` : 'none'
}

function isServing(
  instance: Instance,
  group: GroupSpec,
  targets: readonly TargetStatus[],
): boolean {
  if (instance.phase !== 'ready') return false
  if (group.http === undefined) return true
  return targets.some(
    (t) => t.instance === instance.id && t.state === 'active' && t.health === 'healthy',
  )
}

function instancesIn(tick: Tick | undefined, group: string): readonly Instance[] {
  if (tick === undefined) return []
  const { status } = observationOf(tick.observation, group)
  return status.kind === 'known' ? status.instances : []
}

function targetsIn(tick: Tick | undefined, group: string): readonly TargetStatus[] {
  if (tick === undefined) return []
  const { balancer } = observationOf(tick.observation, group)
  return balancer?.kind === 'up' ? balancer.targets : []
}

function readingsIn(tick: Tick | undefined, group: string): GroupView['readings'] {
  const r = tick === undefined ? undefined : observationOf(tick.observation, group).readings
  return {
    in_flight: reading(r?.inFlight),
    rps: reading(r?.rps),
    p99_ms: reading(r?.p99Ms),
    errors_ratio: reading(r?.errorsRatio),
    cpu_percent: reading(r?.cpuPercent),
    ...queriesIn(r?.queries),
  }
}

// Beside the others, by names that none of them has.
function queriesIn(queries: Readonly<Record<string, Reading>> = {}): GroupView['readings'] {
  return Object.fromEntries(Object.entries(queries).map(([k, v]) => [`query.${k}`, reading(v)]))
}

function instanceView(instance: Instance, targets: readonly TargetStatus[]): InstanceView {
  const target = targets.find((t) => t.instance === instance.id)
  return {
    id: instance.id,
    phase: instance.phase,
    health: target?.health ?? 'unknown',
    pid: instance.pid ?? null,
    address: `${instance.host}:${instance.port}`,
    generation: instance.generation,
    started_at: iso(instance.startedAtMs),
    in_flight: target?.inFlight ?? null,
    cpu_percent: reading(instance.cpuPercent),
    memory_bytes: reading(instance.memoryBytes),
    ...(instance.detail === undefined ? {} : { detail: instance.detail }),
  }
}

function reading(value: Reading | undefined): ReadingView {
  if (value === undefined) return { value: null, missing: 'nothing was observed yet' }
  if (value.kind === 'missing') return { value: null, missing: value.reason }
  return { value: Math.round(value.value * 1000) / 1000 }
}

function iso(ms: number): string {
  return new Date(ms).toISOString()
}
