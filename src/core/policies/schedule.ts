// The `schedule` policy: no fewer than the calendar asks for now. Its ceiling is a guard.
import type { GroupContext, Policy } from '../context.ts'
import type { EpochMs, GroupMemory, GroupSpec, Recommendation, Spec } from '../model.ts'
import type { ScheduleBound, ScheduleNow, ScheduleSpec } from './model.ts'
import { lastStart } from './schedule-times.ts'

const MINUTE_MS = 60_000
const NOTHING: readonly Recommendation[] = []

/** Wants the floor of the windows that are open now; says nothing outside of them. */
export const schedule: Policy = (context: GroupContext) => {
  const floor = context.memory.schedule?.floor
  if (floor === undefined) return NOTHING
  const { instances, reason } = floor
  return [{ kind: 'want', policy: 'schedule', instances, reason }]
}

/**
 * Looks the schedule up, and remembers what it says until that can change: starts are at whole
 * minutes, so once a minute is enough, whatever the length of a turn.
 */
export function noteSchedule(
  memory: GroupMemory,
  group: GroupSpec,
  spec: Spec,
  nowMs: EpochMs,
): GroupMemory {
  const known = memory.schedule
  const entries = group.scaling.schedule
  if (entries === undefined) return known === undefined ? memory : forgotten(memory)
  const isKnown = known !== undefined && known.spec === spec.hash
  if (isKnown && known.fromMs <= nowMs && nowMs < known.untilMs) return memory
  return { ...memory, schedule: scheduleAt(entries, spec.hash, nowMs) }
}

function forgotten(memory: GroupMemory): GroupMemory {
  const { schedule: _gone, ...rest } = memory
  return rest
}

function scheduleAt(entries: readonly ScheduleSpec[], spec: string, nowMs: EpochMs): ScheduleNow {
  let untilMs = Math.floor(nowMs / MINUTE_MS) * MINUTE_MS + MINUTE_MS
  let floor: ScheduleBound | undefined
  let ceiling: ScheduleBound | undefined
  for (const entry of entries) {
    const start = lastStart(entry, nowMs)
    if (start === undefined) continue
    const endMs = start + entry.durationMs
    untilMs = Math.min(untilMs, endMs)
    const open = { ...entry, endMs }
    floor = tighter(floor, entry.minInstances, 'at least', open)
    ceiling = tighter(ceiling, entry.maxInstances, 'at most', open)
  }
  return {
    ...{ spec, fromMs: nowMs, untilMs },
    ...(floor === undefined ? {} : { floor }),
    ...(ceiling === undefined ? {} : { ceiling }),
  }
}

// Of several floors the highest holds, of several ceilings the lowest.
function tighter(
  known: ScheduleBound | undefined,
  instances: number | undefined,
  side: 'at least' | 'at most',
  { cron, tz, endMs }: ScheduleSpec & { readonly endMs: EpochMs },
): ScheduleBound | undefined {
  if (instances === undefined) return known
  const isTighter = side === 'at least' ? -1 : 1
  if (known !== undefined && (known.instances - instances) * isTighter <= 0) return known
  const until = `${new Date(endMs).toISOString().slice(0, 16)}Z`
  return { instances, reason: `schedule "${cron}" (${tz}): ${side} ${instances} until ${until}` }
}
