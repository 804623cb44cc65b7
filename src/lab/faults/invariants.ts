// What must hold in every turn, whatever goes wrong: the promises of the guards and of the plan,
// said once more and in other words than the code that keeps them.
import { instancesOf, numberOf } from '../../core/context.ts'
import { HOST_FULL_PERCENT } from '../../core/guards/host.ts'
import type { Decision, GroupMemory, GroupSpec, Phase, Reading, Tick } from '../../core/model.ts'
import type { Witness } from './process.ts'
import { BUDGET } from './world.ts'

/** One turn, and what is known of it from outside the loop. */
export interface Turn {
  readonly group: GroupSpec
  readonly tick: Tick
  readonly decision: Decision
  /** The group's memory after the turn. */
  readonly memory: GroupMemory
  readonly witness: Witness
  /** Instances that came to be in this turn. */
  readonly started: number
  /** Ready instances, and those that start in time, after the turn. */
  readonly liveAfter: number
  /** Instances that have not ended, before and after. */
  readonly runningBefore: number
  readonly runningAfter: number
  readonly past: Past
}

/** What the turns before have left; empty after a clock was set or something was not stored. */
export interface Past {
  /** What was wanted, with its time, oldest first. */
  readonly wants: readonly { readonly atMs: number; readonly instances: number }[]
  /** Since when that is whole. */
  readonly sinceMs: number
  /** When instances were last added. */
  readonly grewAtMs?: number
}

type Invariant = (turn: Turn) => boolean

/** By the words that say it; each says whether it holds. */
const ALWAYS: Readonly<Record<string, Invariant>> = {
  'the number is within bounds': ({ decision: { to }, group: { scaling } }) =>
    to >= scaling.minInstances && to <= scaling.maxInstances,
  'no more run than the connections suffice for': (t) =>
    t.group.needs.length === 0 || t.runningAfter <= Math.max(BUDGET, t.runningBefore),
  'nothing is started beyond what is wanted': (t) =>
    t.started === 0 || t.liveAfter <= t.memory.desired + spare(t.memory),
  'only what was applied begins a cooldown': ({ memory, tick }) =>
    memory.scaledOutAtMs !== tick.observation.atMs || hasStarted(tick),
  'nothing that serves is stopped': ({ tick }) =>
    tick.plan.actions.every((a) => a.kind !== 'stop' || phaseOf(a.instance, tick) !== 'ready'),
  'every outcome has its action': ({ tick }) =>
    (tick.outcomes ?? []).every((o) => tick.plan.actions.includes(o.action)),
  'every action has its outcome': ({ tick }) =>
    tick.outcomes !== undefined && tick.outcomes.length === tick.plan.actions.length,
}

/** Hold where a policy decided; a person's own wish may do these things. */
const UNASKED: Readonly<Record<string, Invariant>> = {
  'never in while blind': (t) => isKept(t) || !isBlind(t),
  'no change while held': ({ memory, decision }) =>
    memory.hold === undefined || decision.to === decision.from,
  'never in while ticks are not stored': (t) => isKept(t) || t.tick.observation.storeWritable,
  'never in while too many responses fail': (t) => isKept(t) || !isFailing(t),
  'never in during an outage of checks': ({ memory, decision }) =>
    memory.outage === undefined || decision.to >= decision.from,
  'never out for a cause that all share': ({ memory, decision }) =>
    memory.outage?.cause !== 'shared' ||
    memory.outage.calmSinceMs !== undefined ||
    decision.to <= decision.from,
  'never out beyond what the connections suffice for': ({ group, decision: { from, to } }) =>
    group.needs.length === 0 || to <= Math.max(from, BUDGET),
  'never out above what the calendar allows': ({ memory: { schedule }, decision: { from, to } }) =>
    schedule?.ceiling === undefined || to <= Math.max(from, schedule.ceiling.instances),
  'never out while what it leans on is full': (t) => !isGrown(t) || !isResourceFull(t),
  'never in while it rolls': (t) => isKept(t) || !isRolling(t),
  'never in before fewer were wanted for a whole settle time': (t) =>
    isKept(t) || t.decision.to >= Math.min(t.decision.from, mostWanted(t)),
  'never in while instances start': (t) => isKept(t) || !hasStarting(t) || isMeasured(t),
  'never out on a machine that the group fills': (t) => !isGrown(t) || !isMachineFull(t),
  'never out within the cooldown': (t) => !isGrown(t) || isCool(t),
  'steps are bounded': ({ decision: { from, to } }) =>
    to <= Math.max(from + 4, from * 3) && to >= from - Math.max(1, Math.floor(from / 2)),
}

/** Every promise that the turn broke. */
export function broken(turn: Turn): readonly string[] {
  const isAsked = turn.memory.manual !== undefined
  const all = Object.entries(isAsked ? ALWAYS : { ...ALWAYS, ...UNASKED })
  const names = all.filter(([, holds]) => !holds(turn)).map(([name]) => `not so: ${name}`)
  return [...names, ...turn.witness.wrong]
}

// One more while the group rolls, and one for each that is on its way out for its health.
function spare({ replacing }: GroupMemory): number {
  return replacing === undefined ? 1 : 2
}

function phaseOf(instance: string, { observation }: Tick): string | undefined {
  const [seen] = observation.groups
  if (seen === undefined) return undefined
  return instancesOf(seen).find((i) => i.id === instance)?.phase
}

function isKept({ decision }: Turn): boolean {
  return decision.to >= decision.from
}

function isGrown({ decision }: Turn): boolean {
  return decision.to > decision.from
}

// By what happened, and by what the observation says of it.
function isBlind({ witness, tick, group }: Turn): boolean {
  const seen = tick.observation.groups[0]
  if (seen === undefined || seen.status.kind === 'unknown') return true
  if (witness.isWithoutProvider || witness.isWithoutBalancer) return true
  const { inFlight, cpuPercent } = seen.readings
  const isByRequests = group.signals.some((s) => s.kind === 'in_flight')
  return isMissing(cpuPercent) || (isByRequests && (witness.isGarbled || isMissing(inFlight)))
}

function isMissing(reading: Reading): boolean {
  return numberOf(reading) === undefined
}

const FULL_SHARE = 0.9
const FAILING_SHARE = 0.05
const LEAST_FAILED = 3

function isFailing({ tick }: Turn): boolean {
  const readings = tick.observation.groups[0]?.readings
  if (readings?.responses === undefined) return false
  const share = numberOf(readings.errorsRatio) ?? 0
  return share >= FAILING_SHARE && share * (numberOf(readings.responses) ?? 0) >= LEAST_FAILED
}

// What arrives does not depend on who is ready.
function isMeasured({ tick }: Turn): boolean {
  const { recommendations } = tick.decisions[0] ?? { recommendations: [] }
  return recommendations.some((r) => r.kind === 'want' && r.policy === 'demand')
}

function hasStarting({ tick }: Turn): boolean {
  const seen = tick.observation.groups[0]
  return seen !== undefined && instancesOf(seen).some((i) => i.phase === 'starting')
}

// Wants are kept about one a second, so the first second of the window may be gone.
function mostWanted({ group, tick, past }: Turn): number {
  const fromMs = tick.observation.atMs - (group.scaling.settleMs ?? 0)
  if (past.sinceMs > fromMs) return 0
  const inside = past.wants.filter((w) => w.atMs >= fromMs + 2_000)
  return Math.max(0, ...inside.map((w) => w.instances))
}

function isMachineFull({ tick }: Turn): boolean {
  const { hostCpuPercent, hostCores } = tick.observation
  const seen = tick.observation.groups[0]
  if (seen === undefined || (numberOf(hostCpuPercent) ?? 0) < HOST_FULL_PERCENT) return false
  const ready = instancesOf(seen).filter((i) => i.phase === 'ready').length
  const mean = numberOf(seen.readings.cpuPercent)
  return mean === undefined || mean * ready >= hostCores * 25
}

function isResourceFull({ group, tick }: Turn): boolean {
  const { resources = [] } = tick.observation
  return resources.some(
    (r) => group.needs.includes(r.name) && (numberOf(r.saturation) ?? 0) >= FULL_SHARE,
  )
}

function isRolling({ tick, memory }: Turn): boolean {
  const seen = tick.observation.groups[0]
  const live = seen === undefined ? [] : instancesOf(seen).filter((i) => isLive(i.phase))
  return memory.rolloutFailed === undefined && new Set(live.map((i) => i.generation)).size > 1
}

function isLive(phase: Phase): boolean {
  return phase === 'starting' || phase === 'ready'
}

function isCool({ group, tick, past }: Turn): boolean {
  if (past.grewAtMs === undefined) return true
  return tick.observation.atMs - past.grewAtMs >= group.scaling.cooldownMs
}

function hasStarted(tick: Tick): boolean {
  return (tick.outcomes ?? []).some((o) => o.kind === 'applied' && o.action.kind === 'start')
}
