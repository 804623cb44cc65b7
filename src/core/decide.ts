// THE decision: (spec, observation, memory) → (decisions, memory). Policies want, guards allow.
import { settleMsOf } from './capacity/settle.ts'
import { noteTurnover } from './capacity/turnover.ts'
import type { GroupContext, Guard } from './context.ts'
import { instancesOf, numberOf, seenIn } from './context.ts'
import { noteBlind } from './guards/blind.ts'
import { GUARDS, MANUAL_GUARDS } from './guards/chain.ts'
import { noteHours } from './guards/hours.ts'
import { ceilingOf } from './guards/schedule.ts'
import { checksOf } from './health/checks.ts'
import { noteOutage } from './health/outage.ts'
import { noteReplacement } from './health/replace.ts'
import { applyCommand, expire, freshGroupMemory, learn, noteFailures, withWant } from './memory.ts'
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
import { noteQueues } from './policies/backlog.ts'
import { noteDemand } from './policies/demand.ts'
import { POLICIES } from './policies/list.ts'
import { noteSchedule } from './policies/schedule.ts'

/** The decisions of a turn, one per group, and the memory they leave. */
export interface Decided {
  readonly decisions: readonly Decision[]
  readonly memory: Memory
}

/** A guard or a policy that is left out, by its name. */
export interface LeftOut {
  readonly part: 'guard' | 'policy'
  readonly name: string
}

/**
 * Decides every group, in the order of the file; later groups see what earlier ones were given.
 * `without` leaves out one guard or policy: what a counterfactual says is what comes of that.
 */
export function decide(
  spec: Spec,
  observation: Observation,
  memory: Memory,
  without?: LeftOut,
): Decided {
  const shutdown = memory.shutdown || observation.commands.some((c) => c.kind === 'shutdown')
  // One record for the turn: nobody outside has it until every group is decided.
  const groups: Record<string, GroupMemory> = {}
  const memories: Memory = { groups, shutdown }
  const seen = spec.groups.map((group) => {
    const own = observationOf(observation, group.name)
    groups[group.name] = prepared(group, own, { spec, observation, memory })
    return own
  })
  const decisions: Decision[] = []
  for (const [i, group] of spec.groups.entries()) {
    const own = seen[i]
    const before = groups[group.name]
    if (own === undefined || before === undefined) continue
    const context = contextOf({ spec, group, observation, seen: own, memory: before, memories })
    const decision = shutdown ? stopAll(context) : decideGroup(context, without)
    decisions.push(decision)
    groups[group.name] = after(context, decision)
  }
  return { decisions, memory: memories }
}

interface Turn {
  readonly spec: Spec
  readonly observation: Observation
  readonly memory: Memory
}

// A group's memory with this turn's commands, expiries, readings and failures in it.
function prepared(
  group: GroupSpec,
  seen: GroupObservation,
  { spec, observation: { atMs, commands }, memory }: Turn,
): GroupMemory {
  const before = memory.groups[group.name] ?? freshGroupMemory(group, seen)
  const told = commands.reduce((m, c) => applyCommand(m, group.name, c), before)
  const learned = learn(expire(told, atMs), seen, atMs)
  const noted = noteFailures(learned, group, seen, atMs)
  const judged = noteHealth(noted, group, seen, atMs)
  const counted = noteHours(judged, group, seen, atMs)
  const turned = noteTurnover(noteQueues(counted, group, seen, atMs), group, seen, atMs)
  return noteSchedule(noteDemand(turned, group, seen, atMs), group, spec, atMs)
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
  return seenIn(observation, name) ?? { group: name, ...NOT_OBSERVED }
}

const NOBODY_LOOKED = { kind: 'missing', reason: 'not observed' } as const
const NOT_OBSERVED: Omit<GroupObservation, 'group'> = {
  status: {
    kind: 'unknown',
    fault: { code: 'E_INTERNAL', message: 'not observed', retryable: true },
  },
  readings: {
    inFlight: NOBODY_LOOKED,
    rps: NOBODY_LOOKED,
    p99Ms: NOBODY_LOOKED,
    errorsRatio: NOBODY_LOOKED,
    cpuPercent: NOBODY_LOOKED,
  },
}

function contextOf(
  parts: Pick<GroupContext, 'spec' | 'group' | 'observation' | 'seen' | 'memory' | 'memories'>,
): GroupContext {
  const { spec, group, observation, seen, memory, memories } = parts
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

function decideGroup(context: GroupContext, without?: LeftOut): Decision {
  const recommendations: Recommendation[] = []
  for (const policy of POLICIES) {
    for (const recommendation of policy(context)) {
      const isOut = without?.part === 'policy' && without.name === recommendation.policy
      if (!isOut) recommendations.push(recommendation)
    }
  }
  const { manual } = context.memory
  if (manual !== undefined) {
    const seconds = Math.ceil((manual.untilMs - context.nowMs) / 1000)
    const reason = `set to ${manual.instances} by ${manual.by} for another ${seconds} s`
    const wish = { wanted: manual.instances, reason, recommendations }
    return guarded(wish, allowing(MANUAL_GUARDS, without), context)
  }
  return guarded(wishOf(recommendations, context), allowing(GUARDS, without), context)
}

type Chain = readonly (readonly [name: string, guard: Guard])[]

function leave(all: readonly Recommendation[], without?: LeftOut): readonly Recommendation[] {
  return without?.part === 'policy' ? all.filter((r) => r.policy !== without.name) : all
}

function allowing(guards: Chain, without?: LeftOut): Chain {
  return without?.part === 'guard' ? guards.filter(([name]) => name !== without.name) : guards
}

function wishOf(recommendations: readonly Recommendation[], context: GroupContext): Wish {
  const top = largest(recommendations)
  const wanted = top?.instances ?? context.current
  return { wanted, reason: top?.reason ?? 'no policy has a reading', recommendations }
}

interface Wish {
  readonly wanted: number
  readonly reason: string
  readonly recommendations: readonly Recommendation[]
}

function guarded(wish: Wish, guards: Chain, context: GroupContext): Decision {
  const { group, current } = context
  const adjustments: Adjustment[] = []
  const to = allowed(wish, guards, context, adjustments)
  const reasons = [wish.reason, ...adjustments.map((a) => `${a.guard}: ${a.reason}`)]
  const counterfactual = counterfactualOf({ wish, to, adjustments }, guards, context)
  const decision: Decision = {
    group: group.name,
    mode: group.mode,
    from: current,
    to,
    reason: reasons.join('; '),
    recommendations: wish.recommendations,
    adjustments,
  }
  return counterfactual === undefined ? decision : { ...decision, counterfactual }
}

function allowed(wish: Wish, guards: Chain, context: GroupContext, noted?: Adjustment[]): number {
  let to = wish.wanted
  for (const [, guard] of guards) {
    const adjustment = guard(to, context, wish.recommendations)
    if (adjustment === undefined) continue
    noted?.push(adjustment)
    to = adjustment.to
  }
  return to
}

/** A wish, and what the guards made of it. */
interface Guarded {
  readonly wish: Wish
  readonly to: number
  readonly adjustments: readonly Adjustment[]
}

// What the last guard to speak made of it, else, where something changes, the policy that won.
function counterfactualOf(
  { wish, to, adjustments }: Guarded,
  guards: Chain,
  context: GroupContext,
): Decision['counterfactual'] {
  const last = adjustments.at(-1)
  if (last !== undefined) {
    // Up to that guard all goes as before.
    const rest = guards.slice(guards.findIndex(([name]) => name === last.guard) + 1)
    const otherwise = allowed({ ...wish, wanted: last.from }, rest, context)
    return { part: 'guard', without: last.guard, to: otherwise }
  }
  const top = largest(wish.recommendations)
  const isManual = context.memory.manual !== undefined
  if (top === undefined || to === context.current || isManual) return undefined
  const others = leave(wish.recommendations, { part: 'policy', name: top.policy })
  const otherwise = allowed(wishOf(others, context), guards, context)
  return { part: 'policy', without: top.policy, to: otherwise }
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
  let top: Want | undefined
  for (const one of recommendations) {
    if (one.kind === 'want' && (top === undefined || one.instances > top.instances)) top = one
  }
  return top
}

/** Whether a decision changes the number: in mode `observe` only what a person asked for does. */
function takesEffect(decision: Decision, memory: GroupMemory | undefined): boolean {
  return decision.mode === 'enforce' || memory?.manual !== undefined
}

function after(context: GroupContext, decision: Decision): GroupMemory {
  const { memory, group, nowMs } = context
  const best = largest(decision.recommendations)
  // Above the schedule's ceiling nothing is wanted: settling begins with it.
  const top = best === undefined ? undefined : Math.min(best.instances, ceilingOf(context))
  // Settling begins anew once errors are over: what little was wanted meanwhile does not count.
  const failing = decision.adjustments.some((a) => a.guard === 'errors')
  const wanted = top !== undefined && failing ? Math.max(top, decision.to) : top
  const blinded = noteBlind(memory, decision.recommendations, nowMs)
  const stepped = rememberStep(blinded, context, { decision, top: best })
  const wants =
    wanted === undefined
      ? stepped.wants
      : withWant(stepped.wants, wanted, nowMs, settleMsOf(group, memory))
  const stopping = decision.to === 0 && decision.recommendations.length === 0
  const moves = stopping || takesEffect(decision, memory)
  // Bounds of a changed file hold in every mode; observing only keeps policies from acting.
  const { minInstances, maxInstances } = group.scaling
  const kept = Math.min(maxInstances, Math.max(minInstances, memory.desired))
  const desired = moves ? decision.to : kept
  if (wants === stepped.wants && desired === stepped.desired) return stepped
  return { ...stepped, wants, desired }
}

interface Made {
  readonly decision: Decision
  readonly top: Want | undefined
}

// Whoever asked for a step must know later whether it helped.
function rememberStep(before: GroupMemory, context: GroupContext, made: Made): GroupMemory {
  const { decision, top } = made
  const memory = rememberOutageStep(before, context, decision)
  const p99 = numberOf(context.seen.readings.p99Ms)
  const rps = numberOf(context.seen.readings.rps)
  if (top?.policy === 'latency' && decision.to > decision.from && p99 !== undefined) {
    const { from, to } = decision
    const latencyStep = { atMs: context.nowMs, from, to, p99Ms: p99, rps: rps ?? 0 }
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
