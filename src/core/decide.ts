// THE decision: (spec, observation, memory) → (decisions, memory). Policies want, guards allow.
import type { GroupContext, Guard } from './context.ts'
import { instancesOf, numberOf } from './context.ts'
import { GUARDS, MANUAL_GUARDS } from './guards/chain.ts'
import { checksOf } from './health/checks.ts'
import { noteOutage } from './health/outage.ts'
import { noteReplacement } from './health/replace.ts'
import {
  applyCommand,
  expire,
  freshGroupMemory,
  learn,
  noteFailures,
  rememberWant,
} from './memory.ts'
import type {
  Adjustment,
  Decision,
  EpochMs,
  GroupMemory,
  GroupObservation,
  GroupSpec,
  Memory,
  Observation,
  Recommendation,
  Spec,
} from './model.ts'
import { health } from './policies/health.ts'
import { latency } from './policies/latency.ts'
import { target } from './policies/target.ts'

// Of equal wants the first one's reason is told.
const POLICIES = [health, target, latency] as const

/** The decisions of a turn, one per group, and the memory they leave. */
export interface Decided {
  readonly decisions: readonly Decision[]
  readonly memory: Memory
}

/** Decides every group, in the order of the file; later groups see what earlier ones were given. */
export function decide(spec: Spec, observation: Observation, memory: Memory): Decided {
  const shutdown = memory.shutdown || observation.commands.some((c) => c.kind === 'shutdown')
  let memories: Memory = { groups: prepared(spec, observation, memory), shutdown }
  const decisions: Decision[] = []
  for (const group of spec.groups) {
    const context = contextOf(spec, group, observation, memories)
    const decision = shutdown ? stopAll(context) : decideGroup(context)
    decisions.push(decision)
    const groups = { ...memories.groups, [group.name]: after(context, decision) }
    memories = { ...memories, groups }
  }
  return { decisions, memory: memories }
}

// Every group's memory with this turn's commands, expiries, readings and failures in it.
function prepared(spec: Spec, observation: Observation, memory: Memory): Memory['groups'] {
  const entries = spec.groups.map((group) => {
    const seen = observationOf(observation, group.name)
    const before = memory.groups[group.name] ?? freshGroupMemory(group, seen)
    const told = observation.commands.reduce((m, c) => applyCommand(m, group.name, c), before)
    const learned = learn(expire(told, observation.atMs), seen, observation.atMs)
    const noted = noteFailures(learned, group, seen, observation.atMs)
    return [group.name, noteHealth(noted, group, seen, observation.atMs)] as const
  })
  return Object.fromEntries(entries)
}

/** Notes what the checks say of the group as a whole, and who is replaced for its own health. */
export function noteHealth(
  memory: GroupMemory,
  group: GroupSpec,
  seen: GroupObservation,
  nowMs: EpochMs,
): GroupMemory {
  if (group.http === undefined) return memory
  const judged = noteOutage({ group, seen, memory, nowMs })
  return noteReplacement({ group, seen, memory: judged, nowMs })
}

/** What was seen of a group; a group nobody observed is unknown, not empty. */
export function observationOf(observation: Observation, name: string): GroupObservation {
  const found = observation.groups.find((g) => g.group === name)
  if (found !== undefined) return found
  const missing = { kind: 'missing', reason: 'not observed' } as const
  return {
    group: name,
    status: {
      kind: 'unknown',
      fault: { code: 'E_INTERNAL', message: 'not observed', retryable: true },
    },
    readings: {
      inFlight: missing,
      rps: missing,
      p99Ms: missing,
      errorsRatio: missing,
      cpuPercent: missing,
    },
  }
}

function contextOf(
  spec: Spec,
  group: GroupSpec,
  observation: Observation,
  memories: Memory,
): GroupContext {
  const seen = observationOf(observation, group.name)
  const memory = memories.groups[group.name] ?? freshGroupMemory(group, seen)
  const instances = instancesOf(seen)
  return {
    spec,
    group,
    observation,
    seen,
    memory,
    memories,
    nowMs: observation.atMs,
    current: memory.desired,
    ready: instances.filter((i) => i.phase === 'ready'),
    starting: instances.filter((i) => i.phase === 'starting'),
  }
}

function decideGroup(context: GroupContext): Decision {
  const recommendations = POLICIES.flatMap((policy) => policy(context))
  const { manual } = context.memory
  if (manual !== undefined) {
    const seconds = Math.ceil((manual.untilMs - context.nowMs) / 1000)
    const reason = `set to ${manual.instances} by ${manual.by} for another ${seconds} s`
    return guarded({ wanted: manual.instances, reason, recommendations }, MANUAL_GUARDS, context)
  }
  const top = largest(recommendations)
  const wanted = top?.instances ?? context.current
  const reason = top?.reason ?? 'no policy has a reading'
  return guarded({ wanted, reason, recommendations }, GUARDS, context)
}

interface Wish {
  readonly wanted: number
  readonly reason: string
  readonly recommendations: readonly Recommendation[]
}

function guarded(
  wish: Wish,
  guards: readonly (readonly [string, Guard])[],
  context: GroupContext,
): Decision {
  const adjustments: Adjustment[] = []
  let to = wish.wanted
  for (const [, guard] of guards) {
    const adjustment = guard(to, context, wish.recommendations)
    if (adjustment === undefined) continue
    adjustments.push(adjustment)
    to = adjustment.to
  }
  const reasons = [wish.reason, ...adjustments.map((a) => `${a.guard}: ${a.reason}`)]
  return {
    group: context.group.name,
    mode: context.group.mode,
    from: context.current,
    to,
    reason: reasons.join('; '),
    recommendations: wish.recommendations,
    adjustments,
  }
}

function stopAll(context: GroupContext): Decision {
  return {
    group: context.group.name,
    mode: context.group.mode,
    from: context.current,
    to: 0,
    reason: 'the application is being stopped',
    recommendations: [],
    adjustments: [],
  }
}

type Want = Extract<Recommendation, { kind: 'want' }>

function largest(recommendations: readonly Recommendation[]): Want | undefined {
  const wants = recommendations.filter((r) => r.kind === 'want')
  return wants.reduce<Want | undefined>(
    (a, b) => (a && a.instances >= b.instances ? a : b),
    undefined,
  )
}

/** Whether a decision changes the number: in mode `observe` only what a person asked for does. */
function takesEffect(decision: Decision, memory: GroupMemory | undefined): boolean {
  return decision.mode === 'enforce' || memory?.manual !== undefined
}

function after(context: GroupContext, decision: Decision): GroupMemory {
  const { memory, group, nowMs } = context
  const top = largest(decision.recommendations)?.instances
  // Settling begins anew once errors are over: what little was wanted meanwhile does not count.
  const failing = decision.adjustments.some((a) => a.guard === 'errors')
  const wanted = top !== undefined && failing ? Math.max(top, decision.to) : top
  const window =
    wanted === undefined ? memory : rememberWant(memory, wanted, nowMs, group.scaling.settleMs)
  const stepped = rememberStep(window, context, decision)
  const stopping = decision.to === 0 && decision.recommendations.length === 0
  const moves = stopping || takesEffect(decision, memory)
  // Bounds of a changed file hold in every mode; observing only keeps policies from acting.
  const { minInstances, maxInstances } = group.scaling
  const kept = Math.min(maxInstances, Math.max(minInstances, memory.desired))
  return { ...stepped, desired: moves ? decision.to : kept }
}

// Whoever asked for a step must know later whether it helped.
function rememberStep(before: GroupMemory, context: GroupContext, decision: Decision): GroupMemory {
  const memory = rememberOutageStep(before, context, decision)
  const step = largest(decision.recommendations)
  const p99 = numberOf(context.seen.readings.p99Ms)
  const rps = numberOf(context.seen.readings.rps)
  if (step?.policy === 'latency' && decision.to > decision.from && p99 !== undefined) {
    const latencyStep = { atMs: context.nowMs, to: decision.to, p99Ms: p99, rps: rps ?? 0 }
    return { ...memory, latencyStep }
  }
  const last = memory.latencyStep
  const passed = last !== undefined && rps !== undefined && rps < last.rps * 0.5
  if (!passed) return memory
  const { latencyStep: _passed, ...rest } = memory
  return rest
}

function rememberOutageStep(
  memory: GroupMemory,
  context: GroupContext,
  decision: Decision,
): GroupMemory {
  const { outage } = memory
  if (outage?.cause !== 'capacity' || decision.to <= decision.from) return memory
  if (!takesEffect(decision, memory)) return memory
  const well = checksOf(context.seen)?.well.length ?? 0
  const step = { atMs: context.nowMs, to: decision.to }
  const rps = numberOf(context.seen.readings.rps) ?? 0
  return {
    ...memory,
    outage: { ...outage, step: { ...step, well } },
    capacityStep: { ...step, rps },
  }
}
