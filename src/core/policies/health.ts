// The `health` policy: while most checks fail it wants more where that can help, and no fewer
// anywhere; and it says what is made of failing checks.
import { type GroupContext, numberOf, type Policy, round1 } from '../context.ts'
import type { Outage } from '../health/model.ts'
import { CALM_MS, isWaiting } from '../health/outage.ts'
import type { Recommendation } from '../model.ts'

const POLICY = 'health'
/** A step is kept while requests come at this share of the rate that made it necessary. */
const KEEP_SHARE = 0.8
/** And for so long: what was slow then may be fast by now. */
const KEEP_MS = 15 * 60_000

/** Has something to say in an outage, and while an instance is replaced for its health. */
export const health: Policy = (context) => {
  const { outage, replacing } = context.memory
  const all = outage === undefined ? keep(context) : [inOutage(outage, context)]
  if (replacing === undefined) return all
  const reason = `${replacing.instance} is replaced: ${replacing.reason}`
  return [...all, { kind: 'abstain', policy: POLICY, reason, blind: false }]
}

function inOutage(outage: Outage, context: GroupContext): Recommendation {
  const { current, nowMs } = context
  if (outage.calmSinceMs !== undefined) {
    const left = Math.ceil((CALM_MS - (nowMs - outage.calmSinceMs)) / 1000)
    return want(current, `checks pass again; nothing is scaled in for another ${left} s`)
  }
  if (outage.cause === 'shared') return want(current, outage.reason)
  const { step } = outage
  if (step !== undefined && isWaiting(context, step.atMs)) {
    const to = Math.max(current, step.to)
    return want(to, `${outage.reason}; waiting for the step to ${step.to} to show`)
  }
  const to = current + Math.max(1, Math.ceil(current / 2))
  return want(to, `${outage.reason}: more are wanted, ${to}, and none is replaced`)
}

// What has helped is kept while the load is there that needed it, where nothing but CPU sizes the
// group: CPU did not see it coming, and would give it away again.
function keep(context: GroupContext): readonly Recommendation[] {
  const step = context.memory.capacityStep
  const rps = numberOf(context.seen.readings.rps)
  if (context.group.signals.some((s) => s.kind !== 'cpu')) return []
  if (step === undefined || rps === undefined || rps < step.rps * KEEP_SHARE) return []
  if (context.nowMs - step.atMs >= KEEP_MS) return []
  const reason = `checks failed with fewer than ${step.to} at ${round1(step.rps)} requests/s, and they still come`
  return [want(Math.min(step.to, context.current), reason)]
}

function want(instances: number, reason: string): Recommendation {
  return { kind: 'want', policy: POLICY, instances, reason }
}
