// Outcomes → memory. Only what was applied starts a cooldown; every number given out is used up.
import { failed } from './memory.ts'
import type { Decision, EpochMs, GroupMemory, Memory, Outcome } from './model.ts'

/** Folds what came of a plan into memory; groups that nothing was started in stay as they were. */
export function remember(
  memory: Memory,
  decisions: readonly Decision[],
  outcomes: readonly Outcome[],
  nowMs: EpochMs,
): Memory {
  const byGroup = startsByGroup(outcomes)
  if (byGroup.size === 0) return memory
  const groups = { ...memory.groups }
  const decided = new Map(decisions.map((d) => [d.group, d]))
  for (const [group, starts] of byGroup) {
    const before = groups[group]
    if (before === undefined) continue
    groups[group] = rememberStarts(before, decided.get(group), starts, nowMs)
  }
  return { ...memory, groups }
}

function startsByGroup(outcomes: readonly Outcome[]): ReadonlyMap<string, readonly Outcome[]> {
  const byGroup = new Map<string, Outcome[]>()
  for (const outcome of outcomes) {
    if (outcome.action.kind !== 'start') continue
    const { group } = outcome.action
    const before = byGroup.get(group)
    if (before === undefined) byGroup.set(group, [outcome])
    else before.push(outcome)
  }
  return byGroup
}

function rememberStarts(
  memory: GroupMemory,
  decision: Decision | undefined,
  starts: readonly Outcome[],
  nowMs: EpochMs,
): GroupMemory {
  const numbers = starts.map((o) =>
    'instance' in o.action ? numberOfInstance(o.action.instance) : 0,
  )
  const counted = {
    ...memory,
    nextInstance: Math.max(memory.nextInstance, ...numbers.map((n) => n + 1)),
  }
  const grew = decision !== undefined && decision.to > decision.from
  const applied = starts.some((o) => o.kind === 'applied')
  const cooled = grew && applied ? { ...counted, scaledOutAtMs: nowMs } : counted
  const failure = starts.find((o) => o.kind === 'failed')
  return failure?.kind === 'failed' ? failed(cooled, failure.fault.message, nowMs) : cooled
}

function numberOfInstance(id: string): number {
  return Number(id.slice(id.lastIndexOf('-') + 1)) || 0
}
