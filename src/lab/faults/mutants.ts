// Faults planted in the code on purpose, each through a part that the loop is given anyway: what
// the fault runs are worth is whether they catch these.
import { type Decided, decide } from '../../core/decide.ts'
import { GUARDS } from '../../core/guards/chain.ts'
import type {
  Action,
  GroupReadings,
  Observation,
  Outcome,
  Plan,
  Reading,
} from '../../core/model.ts'
import { makePlan } from '../../core/plan.ts'
import { remember } from '../../core/remember.ts'
import type { Ports } from '../../engine/controller.ts'
import type { Mutant } from './play.ts'

/** Every planted fault: each guard left out, and what else a loop can get wrong. */
export const MUTANTS: readonly Mutant[] = [
  ...GUARDS.map(([name]): Mutant => {
    const part = { part: 'guard', name } as const
    return { name: `no guard ${name}`, thought: { decide: (s, o, m) => decide(s, o, m, part) } }
  }),
  { name: 'missing is zero', thought: { decide: (s, o, m) => decide(s, withZeros(o), m) } },
  {
    name: 'unknown is none',
    thought: {
      decide: (s, o, m) => decide(s, withNone(o), m),
      makePlan: (s, o, m) => makePlan(s, withNone(o), m),
    },
  },
  {
    name: 'a failed action begins a cooldown',
    thought: { remember: (m, d, outcomes, now) => remember(m, d, outcomes.map(asApplied), now) },
  },
  {
    name: 'outcomes are forgotten',
    thought: { remember: (memory) => memory },
  },
  { name: 'the plan is not stored before it is carried out', wrap: withoutPlans },
  { name: 'what was stored is not recovered', wrap: withoutRecovery },
  { name: 'each start is made twice', thought: { makePlan: planning((a) => [a, a]) } },
  {
    name: 'one more is started with each',
    thought: { makePlan: planning((a) => [a, another(a)]) },
  },
  {
    name: 'what is starting is not counted',
    thought: { makePlan: (s, o, m) => makePlan(s, withoutStarting(o), m) },
  },
  {
    name: 'nothing is drained before it is stopped',
    thought: { makePlan: planning((a) => (a.kind === 'drain' ? [{ ...a, kind: 'stop' }] : [a])) },
  },
  { name: 'every third decision is one more', thought: { decide: restless } },
]

type Decide = typeof decide

function withZeros(observation: Observation): Observation {
  const zero = (reading: Reading): Reading =>
    reading.kind === 'value' ? reading : { kind: 'value', value: 0, atMs: observation.atMs }
  const groups = observation.groups.map((seen) => {
    const { inFlight, rps, p99Ms, errorsRatio, cpuPercent } = seen.readings
    const zeros: GroupReadings = {
      inFlight: zero(inFlight),
      rps: zero(rps),
      p99Ms: zero(p99Ms),
      errorsRatio: zero(errorsRatio),
      cpuPercent: zero(cpuPercent),
    }
    return { ...seen, readings: { ...seen.readings, ...zeros } }
  })
  return { ...observation, groups }
}

function withNone(observation: Observation): Observation {
  const groups = observation.groups.map((seen) => {
    if (seen.status.kind === 'known') return seen
    return { ...seen, status: { kind: 'known', instances: [] } as const }
  })
  return { ...observation, groups }
}

function withoutStarting(observation: Observation): Observation {
  const groups = observation.groups.map((seen) => {
    if (seen.status.kind === 'unknown') return seen
    const instances = seen.status.instances.filter((i) => i.phase !== 'starting')
    return { ...seen, status: { ...seen.status, instances } }
  })
  return { ...observation, groups }
}

function asApplied(outcome: Outcome): Outcome {
  return { kind: 'applied', action: outcome.action }
}

function withoutPlans(ports: Ports): Ports {
  return { ...ports, store: { ...ports.store, plan: () => undefined } }
}

function withoutRecovery(ports: Ports): Ports {
  const recover: Ports['store']['recover'] = () => {
    const kept = ports.store.recover()
    return 'code' in kept ? kept : { ticks: [], lastId: kept.lastId }
  }
  return { ...ports, store: { ...ports.store, recover } }
}

function planning(change: (action: Action) => readonly Action[]): typeof makePlan {
  return (...given): Plan => {
    const { actions } = makePlan(...given)
    return { actions: actions.flatMap((a) => (hasStartOrDrain(a) ? change(a) : [a])) }
  }
}

function hasStartOrDrain({ kind }: Action): boolean {
  return kind === 'start' || kind === 'drain'
}

function another(action: Action): Action {
  return action.kind === 'start' ? { ...action, instance: `${action.instance}000` } : action
}

function restless(...given: Parameters<Decide>): Decided {
  const decided = decide(...given)
  if (Math.floor(given[1].atMs / 1_000) % 3 > 0) return decided
  const groups = Object.entries(decided.memory.groups).map(([name, memory]) => {
    return [name, { ...memory, desired: memory.desired + 1 }] as const
  })
  const decisions = decided.decisions.map((d) => ({ ...d, to: d.to + 1 }))
  return { decisions, memory: { ...decided.memory, groups: Object.fromEntries(groups) } }
}
