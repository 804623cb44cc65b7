// The `latency` policy: where only CPU is configured, a missed SLO with requests piling up wants
// one more step, and no further one when the last did not help.
import { type GroupContext, numberOf, type Policy, reasonOf, round1, standsOn } from '../context.ts'
import type { LatencyStep, Recommendation } from '../model.ts'

const POLICY = 'latency'
/** How long after its instances are ready a step must have shown its effect. */
const EFFECT_MS = 10_000
/** A step helped when p99 fell below this share of what it was. */
const HELPED_SHARE = 0.8
/** The step is kept while requests come at this share of the rate that made it necessary. */
const KEEP_SHARE = 0.8

/** Applies to groups with a p99 in their SLO and no signal of their own but CPU. */
export const latency: Policy = (context) => {
  const limit = context.group.slo.p99Ms
  const ownSignal = context.group.signals.some((s) => s.kind !== 'cpu')
  if (limit === undefined || ownSignal || context.group.http === undefined) return []
  const p99 = numberOf(context.seen.readings.p99Ms)
  if (p99 === undefined) return quiet(context, reasonOf(context.seen.readings.p99Ms))
  const all = p99 <= limit ? keep(context) : [over(p99, limit, context)]
  return all.map((r) => standsOn(context.seen.readings.p99Ms, r, context.nowMs))
}

// No answers in the window: either nobody asks (quiet is fine) or nothing comes back.
function quiet(context: GroupContext, why: string): readonly Recommendation[] {
  const idle =
    numberOf(context.seen.readings.rps) === 0 && numberOf(context.seen.readings.inFlight) === 0
  return idle ? [] : [{ kind: 'abstain', policy: POLICY, reason: `no p99: ${why}`, blind: true }]
}

function keep(context: GroupContext): readonly Recommendation[] {
  const step = context.memory.latencyStep
  const rps = numberOf(context.seen.readings.rps)
  if (step === undefined || rps === undefined || rps < step.rps * KEEP_SHARE) return []
  const reason = `p99 is inside the SLO since the step to ${step.to}, and the load that needed it is still there`
  return [want(Math.min(step.to, context.current), reason)]
}

function over(p99: number, limit: number, context: GroupContext): Recommendation {
  const words = `p99 ${Math.round(p99)} ms is over ${limit} ms`
  const step = context.memory.latencyStep
  if (step !== undefined && context.current >= step.to) {
    const verdict = afterStep(step, p99, context)
    if (verdict !== undefined) return want(context.current, `${words}; ${verdict}`)
  }
  if (!rising(context) && step === undefined) {
    return want(context.current, `${words}, but requests in flight do not pile up: no step`)
  }
  const instances = context.current + Math.max(1, Math.ceil(context.current / 2))
  return want(instances, `${words} and requests pile up: one more step, to ${instances}`)
}

// Why no further step is due, or undefined where the last one helped and more is needed.
function afterStep(step: LatencyStep, p99: number, context: GroupContext): string | undefined {
  const lastReady = Math.max(step.atMs, ...context.ready.map((i) => i.phaseAtMs))
  const waiting = context.starting.length > 0 || context.nowMs - lastReady < EFFECT_MS
  if (waiting) return `waiting for the step to ${step.to} to show`
  if (p99 < step.p99Ms * HELPED_SHARE) return undefined
  return `the step to ${step.to} did not help (p99 was ${Math.round(step.p99Ms)} ms): the limit is elsewhere`
}

/** Whether requests in flight grew by a fifth over the remembered seconds. */
export function rising(context: GroupContext): boolean {
  const now = numberOf(context.seen.readings.inFlight)
  const trail = context.memory.inFlightTrail
  if (now === undefined || trail.length < 3) return false
  const earlier = trail.slice(0, Math.ceil(trail.length / 2)).map((t) => t.value)
  const mean = earlier.reduce((sum, v) => sum + v, 0) / earlier.length
  return round1(now) > mean * 1.2 + 1
}

function want(instances: number, reason: string): Recommendation {
  return { kind: 'want', policy: POLICY, instances, reason }
}
