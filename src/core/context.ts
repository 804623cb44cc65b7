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

/** The instances of a group that is known, else none. */
export function instancesOf(seen: GroupObservation): readonly Instance[] {
  return seen.status.kind === 'known' ? seen.status.instances : []
}

/** The number of a reading that is there and finite. */
export function numberOf(reading: Reading): number | undefined {
  return reading.kind === 'value' && Number.isFinite(reading.value) ? reading.value : undefined
}

/** Why a reading has no usable number. */
export function reasonOf(reading: Reading): string {
  return reading.kind === 'missing' ? reading.reason : `not a number: ${reading.value}`
}

/** Whether the balancer calls an instance unhealthy. */
export function isUnhealthy(seen: GroupObservation, instance: string): boolean {
  if (seen.balancer?.kind !== 'up') return false
  const target = seen.balancer.targets.find((t) => t.instance === instance)
  return target?.state === 'active' && target.health === 'unhealthy'
}

/** A number for people: at most one decimal. */
export function round1(value: number): number {
  return Math.round(value * 10) / 10
}
