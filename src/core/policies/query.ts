// The `query` policy: as many instances as keep each query's total at its target per instance.
import { type GroupContext, numberOf, type Policy, reasonOf, round1, standsOn } from '../context.ts'
import type { QuerySignal, Recommendation } from '../model.ts'
import { sized } from './target.ts'

const NEVER = { kind: 'missing', reason: 'it was not asked' } as const

/** One recommendation per query; sized like the `target` policy, with its tolerance. */
export const query: Policy = (context) =>
  context.group.signals.flatMap((s) => (s.kind === 'query' ? [recommend(s, context)] : []))

function recommend({ name, target }: QuerySignal, context: GroupContext): Recommendation {
  const policy = `query.${name}`
  const reading = context.seen.readings.queries?.[name] ?? NEVER
  const total = numberOf(reading)
  if (total === undefined) {
    return { kind: 'abstain', policy, reason: `no reading: ${reasonOf(reading)}`, blind: true }
  }
  const instances = sized(total / target, context)
  const reason = `query ${name} is ${round1(total)}, at ${target} per instance wants ${instances}`
  return standsOn(reading, { kind: 'want', policy, instances, reason }, context.nowMs)
}
