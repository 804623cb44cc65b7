// Decisions → ordered actions. Each tick plans anew from what is there, so a plan cut short is
// simply continued.
import { instancesOf, isUnhealthy, targetIn } from './context.ts'
import { observationOf } from './decide.ts'
import { budgetLimit } from './guards/budget.ts'
import { failureOf, generationOf, tooSlow } from './memory.ts'
import type {
  Action,
  EpochMs,
  GroupMemory,
  GroupObservation,
  GroupSpec,
  Instance,
  InstanceVerb,
  Memory,
  Observation,
  Plan,
  Spec,
  TargetStatus,
} from './model.ts'

/**
 * An unhealthy instance that holds requests is given this long to come back before it is killed.
 */
const HUNG_KILL_MS = 5_000

interface GroupPlan {
  readonly spec: Spec
  readonly group: GroupSpec
  readonly seen: GroupObservation
  readonly memory: GroupMemory
  readonly world: { readonly observation: Observation; readonly memory: Memory }
  readonly nowMs: EpochMs
}

/** `memory` is the one that `decide` returned for this observation. */
export function makePlan(spec: Spec, observation: Observation, memory: Memory): Plan {
  const world = { observation, memory }
  const actions = spec.groups.flatMap((group) => {
    const groupMemory = memory.groups[group.name]
    const seen = observationOf(observation, group.name)
    if (groupMemory === undefined || seen.status.kind === 'unknown') return []
    return planGroup({ spec, group, seen, memory: groupMemory, world, nowMs: observation.atMs })
  })
  const down = observation.groups.find((g) => g.balancer?.kind === 'down')
  if (down?.balancer?.kind !== 'down' || memory.shutdown) return { actions }
  return { actions: [{ kind: 'start-balancer', reason: down.balancer.reason }, ...actions] }
}

// Grow before shrink: what is gone is forgotten, the new is started and admitted, then the old
// leaves.
function planGroup(plan: GroupPlan): Action[] {
  const instances = instancesOf(plan.seen)
  const shrink = surplus(plan, instances)
  return [
    ...instances.filter((i) => i.phase === 'exited').map((i) => act('forget', i, exitReason(i))),
    ...starts(plan, instances),
    ...instances.filter((i) => toAdmit(plan, i)).map((i) => act('admit', i, 'it is ready')),
    ...shrink,
    ...instances.flatMap((i) => leaving(plan, i)),
  ]
}

function act(kind: InstanceVerb, instance: Instance, reason: string): Action {
  return { kind, group: instance.group, instance: instance.id, reason }
}

function exitReason(instance: Instance): string {
  return instance.exit?.expected ? 'it has ended' : failureOf(instance)
}

function targetOf(plan: GroupPlan, instance: Instance): TargetStatus | undefined {
  return targetIn(plan.seen, instance.id)
}

function toAdmit(plan: GroupPlan, instance: Instance): boolean {
  if (plan.seen.balancer?.kind !== 'up' || instance.phase !== 'ready') return false
  return targetOf(plan, instance)?.state !== 'active'
}

// ── who counts ──────────────────────────────────────────────────────────────────────────────────

interface Fleet {
  /** Starting or ready, not being replaced, not too slow. */
  readonly live: readonly Instance[]
  /** Live and in rotation (or ready, where there is no balancer). */
  readonly serving: readonly Instance[]
  /** Live ones of another generation than the wanted one. */
  readonly old: readonly Instance[]
  readonly rolling: boolean
}

function fleetOf(plan: GroupPlan, instances: readonly Instance[]): Fleet {
  const replaced = replacedOne(plan, instances)
  const live = instances.filter((i) => {
    if (i.phase === 'starting') return !tooSlow(i, plan.group, plan.nowMs)
    return i.phase === 'ready' && i !== replaced
  })
  const serving = live.filter((i) => {
    if (i.phase !== 'ready') return false
    return plan.group.http === undefined || targetOf(plan, i)?.state === 'active'
  })
  const generation = generationOf(plan.group, plan.memory)
  const old = live.filter((i) => i.generation !== generation)
  const stopped = plan.memory.rolloutFailed?.generation === generation
  return { live, serving, old, rolling: old.length > 0 && !stopped }
}

// At most one is on its way out for its health; who, and when, was decided.
function replacedOne(plan: GroupPlan, instances: readonly Instance[]): Instance | undefined {
  const { replacing } = plan.memory
  if (replacing === undefined) return undefined
  return instances.find((i) => i.phase === 'ready' && i.id === replacing.instance)
}

// ── growing ─────────────────────────────────────────────────────────────────────────────────────

function starts(plan: GroupPlan, instances: readonly Instance[]): Action[] {
  const { memory, group, nowMs } = plan
  const { live, rolling } = fleetOf(plan, instances)
  const surge = rolling && !live.some((i) => i.phase === 'starting') && surgeFits(plan) ? 1 : 0
  const missing = memory.desired + (live.length <= memory.desired ? surge : 0) - live.length
  const alive = instances.filter((i) => i.phase !== 'exited').length
  const limit = budgetLimit(plan.spec, group, plan.world)?.instances ?? Number.POSITIVE_INFINITY
  const count = Math.min(missing, limit - alive)
  if (count <= 0 || nowMs < memory.failures.retryAtMs) return []
  const first = nextNumber(memory, instances)
  const reasons = startReasons(plan, instances, rolling)
  const generation = generationOf(group, memory)
  return Array.from({ length: count }, (_, k) => {
    return {
      kind: 'start',
      group: group.name,
      instance: `${group.name}-${first + k}`,
      generation,
      reason: reasons[k] ?? `${memory.desired} wanted`,
    }
  })
}

// One for each start that has a reason beside the number that is wanted.
function startReasons(
  plan: GroupPlan,
  instances: readonly Instance[],
  rolling: boolean,
): readonly string[] {
  const { memory, group } = plan
  if (rolling) return [`rolling to generation ${generationOf(group, memory)}`]
  const gone = instances.filter((i) => i.phase === 'exited' && i.exit?.expected !== true)
  const { replacing } = memory
  const successor = instances.some((i) => {
    return i.phase !== 'exited' && replacing !== undefined && i.startedAtMs >= replacing.sinceMs
  })
  const replaced =
    replacing === undefined || successor
      ? []
      : [`in place of ${replacing.instance}: ${replacing.reason}`]
  return [...gone.map((i) => `in place of ${i.id}`), ...replaced]
}

// A rolling restart needs room for one more; without it one leaves first.
function surgeFits(plan: GroupPlan): boolean {
  const limit = budgetLimit(plan.spec, plan.group, plan.world)
  return limit === undefined || plan.memory.desired + 1 <= limit.instances
}

/** A number no instance of the group ever had. */
function nextNumber(memory: GroupMemory, instances: readonly Instance[]): number {
  const used = instances.map((i) => Number(i.id.slice(i.id.lastIndexOf('-') + 1)))
  return Math.max(memory.nextInstance, ...used.filter(Number.isFinite).map((n) => n + 1))
}

// ── shrinking ───────────────────────────────────────────────────────────────────────────────────

function surplus(plan: GroupPlan, instances: readonly Instance[]): Action[] {
  const { memory } = plan
  const { live, serving, old, rolling } = fleetOf(plan, instances)
  const replaced = replacement(plan, instances, serving.length)
  const slow = instances
    .filter((i) => tooSlow(i, plan.group, plan.nowMs))
    .map((i) => act('kill', i, failureOf(i)))
  if (plan.world.memory.shutdown) return stopAll(instances)
  const over = live.length - memory.desired
  // While rolling without room for one more, an old one leaves although nothing is over.
  const squeezed =
    rolling && !surgeFits(plan) && live.length === memory.desired && serving.length === live.length
  const extra = Math.max(0, serving.length - memory.desired)
  // While rolling, an old one leaves only for a new one that serves.
  const spare = squeezed ? 1 : Math.min(over, extra + (rolling ? 0 : unready(live)))
  if (spare <= 0) return [...slow, ...replaced]
  const gone = new Set(old)
  const leaving = [...live].sort(
    (a, b) => order(plan, a, gone) - order(plan, b, gone) || b.startedAtMs - a.startedAtMs,
  )
  const drained = leaving.slice(0, spare).filter((i) => !rolling || gone.has(i))
  return [...slow, ...replaced, ...drained.map((i) => leave(i, `${memory.desired} wanted`))]
}

// It goes at once where it serves nothing anyway; else once another one serves in its place, or
// has no room to.
function replacement(plan: GroupPlan, instances: readonly Instance[], serving: number): Action[] {
  const { memory, seen, group } = plan
  const instance = replacedOne(plan, instances)
  if (instance === undefined || memory.replacing === undefined) return []
  if (seen.balancer?.kind !== 'up') return []
  const { surge, reason } = memory.replacing
  const alive = instances.filter((i) => i.phase !== 'exited').length
  const limit = budgetLimit(plan.spec, group, plan.world)?.instances ?? Number.POSITIVE_INFINITY
  const waits = surge && serving < memory.desired
  // Where all are full, one that is slow is better than none.
  const isFull = memory.outage?.cause === 'capacity'
  const isSqueezed = !isFull && alive >= limit && !instances.some((i) => i.phase === 'starting')
  return waits && !isSqueezed ? [] : [act('drain', instance, reason)]
}

function unready(live: readonly Instance[]): number {
  return live.filter((i) => i.phase === 'starting').length
}

// Old code leaves first, then what fails its check or does not serve yet, then the youngest.
function order(plan: GroupPlan, instance: Instance, old: ReadonlySet<Instance>): number {
  if (old.has(instance)) return 0
  if (isUnhealthy(plan.seen, instance.id)) return 1
  return instance.phase === 'starting' ? 2 : 3
}

function leave(instance: Instance, reason: string): Action {
  return act(instance.phase === 'starting' ? 'stop' : 'drain', instance, reason)
}

function stopAll(instances: readonly Instance[]): Action[] {
  return instances
    .filter((i) => i.phase === 'starting' || i.phase === 'ready' || i.phase === 'draining')
    .map((i) => act('stop', i, 'the application is being stopped'))
}

// A drained instance is stopped once the balancer has seen its last request end.
function leaving(plan: GroupPlan, instance: Instance): Action[] {
  const { stopTimeoutMs } = plan.group.run
  const age = plan.nowMs - instance.phaseAtMs
  if (instance.phase === 'stopping' && age > stopTimeoutMs) {
    return [act('kill', instance, `it did not stop within ${stopTimeoutMs} ms`)]
  }
  if (instance.phase !== 'draining' || plan.world.memory.shutdown) return []
  const target = targetOf(plan, instance)
  if (target?.health === 'unhealthy' && age > HUNG_KILL_MS) {
    return [act('kill', instance, 'it was drained because it did not answer, and still does not')]
  }
  const idle = target?.state === 'draining' && target.inFlight === 0
  if (plan.group.http === undefined || idle) return [act('stop', instance, 'it is drained')]
  if (age <= stopTimeoutMs) return []
  return [act('stop', instance, `requests were still in flight after ${stopTimeoutMs} ms`)]
}
