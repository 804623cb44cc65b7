// Values of one instant, for tests of what decides over them: give what matters, the rest is
// sensible.
import { type GroupContext, instancesOf } from '../../src/core/context.ts'
import { freshGroupMemory } from '../../src/core/memory.ts'
import type {
  GroupMemory,
  GroupObservation,
  GroupReadings,
  GroupSpec,
  Instance,
  Memory,
  Observation,
  Reading,
  Spec,
  TargetStatus,
} from '../../src/core/model.ts'
import { groupSpec, specOf } from './loop.ts'

/** The instant of every moment that says nothing else. */
export const NOW = 10_000_000

/** A reading that is there. */
export function value(number: number): Reading {
  return { kind: 'value', value: number, atMs: NOW }
}

/** A reading that is not. */
export const MISSING: Reading = { kind: 'missing', reason: 'out of order' }

/** An instance `web-N`, ready for a minute unless told otherwise. */
export function instance(n: number, change: Partial<Instance> = {}): Instance {
  return {
    id: `web-${n}`,
    group: 'web',
    phase: 'ready',
    generation: 'aaaa.0',
    host: '127.0.0.1',
    port: 20_000 + n,
    startedAtMs: NOW - 61_000 + n,
    phaseAtMs: NOW - 60_000,
    cpuPercent: value(30),
    memoryBytes: value(1e8),
    ...change,
  }
}

/** An instance that ended by itself after it was ready. */
export function dead(n: number, exit: Partial<NonNullable<Instance['exit']>> = {}): Instance {
  const base = { code: 1, atMs: NOW, wasReady: true, expected: false, lastLines: [] }
  return instance(n, { phase: 'exited', phaseAtMs: NOW, exit: { ...base, ...exit } })
}

/** What the balancer says of an instance. */
export function targetOf(id: string, change: Partial<TargetStatus> = {}): TargetStatus {
  const healthy = { health: 'healthy', healthSinceMs: 0, healthReason: 'answers' } as const
  return { instance: id, state: 'active', ...healthy, inFlight: 0, ...change }
}

/** Readings of a group at ease. */
export function readings(change: Partial<GroupReadings> = {}): GroupReadings {
  return {
    inFlight: value(8),
    rps: value(80),
    p99Ms: value(100),
    errorsRatio: value(0),
    cpuPercent: value(30),
    ...change,
  }
}

/** A group with these instances; the ready and draining ones are targets, or those in `targets`. */
export function seenOf(
  instances: readonly Instance[],
  change: Partial<GroupReadings> = {},
  targets?: readonly TargetStatus[],
): GroupObservation {
  const own = instances.flatMap((i) => {
    if (i.phase === 'ready') return [targetOf(i.id)]
    return i.phase === 'draining' ? [targetOf(i.id, { state: 'draining' })] : []
  })
  return {
    group: instances[0]?.group ?? 'web',
    status: { kind: 'known', instances },
    readings: readings(change),
    balancer: { kind: 'up', targets: targets ?? own },
  }
}

/** Everything seen at the instant. */
export function observationOf(
  groups: readonly GroupObservation[],
  change: Partial<Observation> = {},
): Observation {
  const hostCpuPercent = value(20)
  const host = { hostCpuPercent, hostCores: 2 }
  return { atMs: NOW, groups, ...host, storeWritable: true, commands: [], ...change }
}

/** A group's memory in which `desired` were wanted. */
export function groupMemory(desired: number, change: Partial<GroupMemory> = {}): GroupMemory {
  return { ...freshGroupMemory(groupSpec(), seenOf([])), desired, ...change }
}

/** The memory of one group `web`. */
export function memoryOf(desired: number, change: Partial<GroupMemory> = {}): Memory {
  return { groups: { web: groupMemory(desired, change) }, shutdown: false }
}

/** What a policy or a guard is given. */
export function contextOf(parts: {
  readonly group?: GroupSpec
  readonly spec?: Spec
  readonly seen?: GroupObservation
  readonly memory?: GroupMemory
  readonly observation?: Partial<Observation>
}): GroupContext {
  const group = parts.group ?? groupSpec()
  const seen = parts.seen ?? seenOf([instance(1), instance(2)])
  const instances = instancesOf(seen)
  const memory = parts.memory ?? groupMemory(instances.length)
  return {
    spec: parts.spec ?? specOf([group]),
    group,
    observation: observationOf([seen], parts.observation),
    seen,
    memory,
    memories: { groups: { [group.name]: memory }, shutdown: false },
    nowMs: NOW,
    current: memory.desired,
    ready: instances.filter((i) => i.phase === 'ready'),
    starting: instances.filter((i) => i.phase === 'starting'),
  }
}
