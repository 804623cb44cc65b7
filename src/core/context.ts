// What a policy or guard is given: one group at one instant, with the facts that all of them need.
import type {
  Adjustment,
  EpochMs,
  GroupMemory,
  GroupObservation,
  GroupSpec,
  Instance,
  Memory,
  Observation,
  Reading,
  Recommendation,
  Spec,
  TargetStatus,
} from './model.ts'

/** All that a policy or a guard may look at when it judges one group in one turn. */
export interface GroupContext {
  readonly spec: Spec
  readonly group: GroupSpec
  readonly observation: Observation
  readonly seen: GroupObservation
  /** This group's memory, with the commands of this turn in it. */
  readonly memory: GroupMemory
  /** Everybody's memory, for what groups share. */
  readonly memories: Memory
  readonly nowMs: EpochMs
  /** How many instances the group should have so far. */
  readonly current: number
  readonly ready: readonly Instance[]
  readonly starting: readonly Instance[]
}

/** Says what it would like, or why it can't say; `undefined` where it does not apply. */
export type Policy = (context: GroupContext) => readonly Recommendation[]

/** Says what is allowed of `wanted`, or nothing where it has no objection. */
export type Guard = (
  wanted: number,
  context: GroupContext,
  recommendations: readonly Recommendation[],
) => Adjustment | undefined

// An observation is a value, so an index of it can be kept beside it for as long as it lives.
const INDEXES = new WeakMap<Observation, ReadonlyMap<string, GroupObservation>>()
/** So few are looked through sooner than an index is made. */
const FEW = 8

/** What was seen of a group; undefined where nobody looked. As fast among any number of them. */
export function seenIn(observation: Observation, group: string): GroupObservation | undefined {
  const { groups } = observation
  if (groups.length <= FEW) return groups.find((g) => g.group === group)
  const known = INDEXES.get(observation)
  if (known !== undefined) return known.get(group)
  // Of several with one name the first one counts.
  const index = new Map<string, GroupObservation>()
  for (const seen of groups) if (!index.has(seen.group)) index.set(seen.group, seen)
  INDEXES.set(observation, index)
  return index.get(group)
}

/** The instances of a group that is known, else none. */
export function instancesOf(seen: GroupObservation): readonly Instance[] {
  return seen.status.kind === 'known' ? seen.status.instances : []
}

/** How many instances of a group are ready. */
export function readyCount(seen: GroupObservation): number {
  let ready = 0
  for (const { phase } of instancesOf(seen)) if (phase === 'ready') ready += 1
  return ready
}

/** The number of a reading that is there and finite. */
export function numberOf(reading: Reading): number | undefined {
  return reading.kind === 'value' && Number.isFinite(reading.value) ? reading.value : undefined
}

/** A source outside is read at least this often; the engine's own readings are of each turn. */
const SOURCE_PERIOD_MS = 20_000
const FRESH_PERIODS = 3

/** Time between two readings of one source, in milliseconds: no shorter than a turn. */
export function periodOf(context: GroupContext): number {
  return Math.max(SOURCE_PERIOD_MS, context.spec.intervalMs)
}

/** Whether a reading of that time still says how things are: three periods long. */
export function isFresh(atMs: EpochMs, context: GroupContext): boolean {
  return context.nowMs - atMs <= FRESH_PERIODS * periodOf(context)
}

/** A want with the time of the reading it stands on, where that is not of this turn. */
export function standsOn(reading: Reading, want: Recommendation, nowMs: EpochMs): Recommendation {
  if (want.kind !== 'want' || reading.kind === 'missing' || reading.atMs >= nowMs) return want
  return { ...want, atMs: reading.atMs }
}

/** Why a reading has no usable number. */
export function reasonOf(reading: Reading): string {
  return reading.kind === 'missing' ? reading.reason : `not a number: ${reading.value}`
}

const TARGETS = new WeakMap<readonly TargetStatus[], ReadonlyMap<string, TargetStatus>>()

/** What the balancer says of an instance; undefined where it does not know it or is down. */
export function targetIn(seen: GroupObservation, instance: string): TargetStatus | undefined {
  if (seen.balancer?.kind !== 'up') return undefined
  const { targets } = seen.balancer
  if (targets.length <= FEW) return targets.find((t) => t.instance === instance)
  const known = TARGETS.get(targets)
  if (known !== undefined) return known.get(instance)
  const index = new Map<string, TargetStatus>()
  for (const target of targets) {
    if (!index.has(target.instance)) index.set(target.instance, target)
  }
  TARGETS.set(targets, index)
  return index.get(instance)
}

/** Whether the balancer calls an instance unhealthy. */
export function isUnhealthy(seen: GroupObservation, instance: string): boolean {
  const target = targetIn(seen, instance)
  return target?.state === 'active' && target.health === 'unhealthy'
}

/** A number for people: to the whole where that is close enough. */
export function brief(value: number): number {
  return value >= 20 ? Math.round(value) : round1(value)
}

/** A number for people: at most one decimal. */
export function round1(value: number): number {
  return Math.round(value * 10) / 10
}
