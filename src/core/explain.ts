// A tick in sentences: the only place that words a decision for people.
import { numberOf, round1 } from './context.ts'
import { checksOf, whyFailing } from './health/checks.ts'
import type {
  Action,
  Decision,
  GroupObservation,
  Observation,
  Outcome,
  Reading,
  Tick,
} from './model.ts'

/** From this age on a reading's age is told, in milliseconds. */
const OLD_MS = 3_000

/** The explanation of a tick, or of one group in it; one line per fact. */
export function explain(tick: Tick, group?: string): readonly string[] {
  const decisions = tick.decisions.filter((d) => group === undefined || d.group === group)
  const time = new Date(tick.observation.atMs).toISOString()
  return [
    `tick ${tick.id} at ${time}`,
    ...decisions.flatMap((d) => explainDecision(d, tick.observation)),
    ...explainActions(tick, group),
  ]
}

/** One decision in one line: `web 2 → 5: 62 in flight at 14 per instance wants 5`. */
export function headline(decision: Decision): string {
  const move =
    decision.to === decision.from
      ? `stays at ${decision.from}`
      : `${decision.from} → ${decision.to}`
  const mode =
    decision.mode === 'observe' && decision.to !== decision.from ? ' (observe: not done)' : ''
  return `${decision.group} ${move}${mode}: ${decision.reason}`
}

function explainDecision(decision: Decision, observation: Observation): string[] {
  const seen = observation.groups.find((g) => g.group === decision.group)
  return [
    headline(decision),
    ...(seen === undefined ? [] : [`  seen: ${explainSeen(seen, observation)}`]),
    ...decision.recommendations.map((r) => {
      return r.kind === 'want'
        ? `  ${r.policy} wants ${r.instances}: ${r.reason}`
        : `  ${r.policy} abstains: ${r.reason}`
    }),
    ...decision.adjustments.map((a) => `  guard ${a.guard}: ${a.from} → ${a.to}, ${a.reason}`),
    ...binding(decision),
  ]
}

// What made the number what it is, and what it would have been without that.
function binding({ counterfactual: other, to }: Decision): readonly string[] {
  if (other === undefined) return []
  const same = other.to === to ? 'still ' : ''
  return [`  binding: ${other.part} ${other.without}; without it: ${same}${other.to}`]
}

function explainSeen(seen: GroupObservation, observation: Observation): string {
  const r = seen.readings
  const readings: readonly (readonly [name: string, reading: Reading])[] = [
    ['in flight', r.inFlight],
    ['requests/s', r.rps],
    ['p99 ms', r.p99Ms],
    ['CPU % of a core', r.cpuPercent],
    ['host CPU %', observation.hostCpuPercent],
    ...Object.entries(r.queries ?? {}).map(([name, q]) => [`query ${name}`, q] as const),
  ]
  const there = readings.flatMap(([name, reading]) => {
    if (reading.kind === 'missing') return []
    const ageMs = observation.atMs - reading.atMs
    const age = ageMs >= OLD_MS ? ` (${round1(ageMs / 1000)} s old)` : ''
    return [`${name} ${round1(reading.value)}${age}`]
  })
  const down = seen.balancer?.kind === 'down' ? [`balancer down (${seen.balancer.reason})`] : []
  return [instances(seen), ...trouble(seen), ...there, ...missing(readings), ...down].join(', ')
}

// Failing checks and responses are told only where there are any.
function trouble(seen: GroupObservation): readonly string[] {
  const checks = checksOf(seen)
  const failing = checks?.failing ?? []
  const share = numberOf(seen.readings.errorsRatio) ?? 0
  const failed = Math.round(share * 1_000) / 10
  const why = failing.length > 0 ? ` (${whyFailing(failing)})` : ''
  return [
    ...(failing.length > 0
      ? [`${failing.length} of ${checks?.all.length} fail their check${why}`]
      : []),
    ...(failed > 0 ? [`${failed} % of responses are errors`] : []),
  ]
}

// What is missing for the same reason is told together.
function missing(readings: readonly (readonly [string, Reading])[]): readonly string[] {
  const reasons = readings.flatMap(([, r]) => (r.kind === 'missing' ? [r.reason] : []))
  return [...new Set(reasons)].map((reason) => {
    const names = readings.flatMap(([name, r]) => {
      return r.kind === 'missing' && r.reason === reason ? [name] : []
    })
    return `${names.join(', ')} missing (${reason})`
  })
}

function instances(seen: GroupObservation): string {
  if (seen.status.kind === 'unknown') return `instances unknown (${seen.status.fault.message})`
  const phases = seen.status.instances.map((i) => i.phase)
  const counts = [...new Set(phases)].map((p) => `${phases.filter((q) => q === p).length} ${p}`)
  return counts.length > 0 ? counts.join(' and ') : 'no instance'
}

function explainActions(tick: Tick, group: string | undefined): string[] {
  if (tick.outcomes === undefined) {
    return tick.plan.actions
      .filter((a) => concerns(a, group))
      .map((a) => `  planned, outcome unknown: ${words(a)}`)
  }
  return tick.outcomes.filter((o) => concerns(o.action, group)).map((o) => `  ${verdict(o)}`)
}

function concerns(action: Action, group: string | undefined): boolean {
  return group === undefined || action.kind === 'start-balancer' || action.group === group
}

/** An action in words: `start web-3: 3 wanted`. */
export function words(action: Action): string {
  if (action.kind === 'start-balancer') return `start the balancer: ${action.reason}`
  return `${action.kind} ${action.instance}: ${action.reason}`
}

function verdict(outcome: Outcome): string {
  switch (outcome.kind) {
    case 'applied':
      return `applied: ${words(outcome.action)}`
    case 'skipped':
      return `skipped: ${words(outcome.action)} (${outcome.reason})`
    case 'failed':
      return `failed: ${words(outcome.action)} (${outcome.fault.message})`
  }
}
