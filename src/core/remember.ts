// Outcomes → memory. Only what was applied starts a cooldown; every number given out is used up.
import { failed } from './memory.ts'
import type { Decision, EpochMs, GroupMemory, Memory, Outcome } from './model.ts'

/** Folds what came of a plan into memory. */
export function remember(
  memory: Memory,
  decisions: readonly Decision[],
  outcomes: readonly Outcome[],
  nowMs: EpochMs,
): Memory {
  const groups = Object.entries(memory.groups).map(([name, before]) => {
    const starts = outcomes.filter((o) => o.action.kind === 'start' && o.action.group === name)
    const decision = decisions.find((d) => d.group === name)
    return [name, rememberStarts(before, decision, starts, nowMs)] as const
  })
  return { ...memory, groups: Object.fromEntries(groups) }
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
