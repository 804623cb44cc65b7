// The guard `hours`: a budget of instance-hours per UTC day, and the count of them.
import { settleMsOf } from '../capacity/settle.ts'
import { type GroupContext, instancesOf, round1 } from '../context.ts'
import type { Adjustment, EpochMs, GroupMemory, GroupObservation, GroupSpec } from '../model.ts'
import { adjust } from './adjust.ts'

const HOUR_MS = 3_600_000
const DAY_MS = 24 * HOUR_MS
/** An instance that is started is taken to stay at least this long, and for a whole settle. */
const LEAST_STAY_MS = 600_000

/**
 * No scale-out that the rest of the day's budget does not bear: what `min_instances` needs until
 * midnight is kept, and each further instance costs at least the time until it could be scaled in.
 */
export function hours(wanted: number, c: GroupContext): Adjustment | undefined {
  const budget = c.group.scaling.maxInstanceHours
  const used = c.memory.hours
  if (budget === undefined || used === undefined || wanted <= c.current) return undefined
  const { minInstances } = c.group.scaling
  const settleMs = settleMsOf(c.group, c.memory)
  const leftMs = Math.max(0, (used.day + 1) * DAY_MS - c.nowMs)
  const keptMs = minInstances * leftMs
  const stayMs = Math.min(Math.max(LEAST_STAY_MS, settleMs), Math.max(1, leftMs))
  const free = budget * HOUR_MS - used.usedMs - keptMs
  const most = minInstances + Math.max(0, Math.floor(free / stayMs))
  const to = Math.max(c.current, Math.min(wanted, most))
  return adjust('hours', wanted, to, () => {
    const kept = `${round1(keptMs / HOUR_MS)} more are kept for min_instances`
    return `${round1(used.usedMs / HOUR_MS)} of the ${budget} instance-hours of this day are used, ${kept}; it resets at 00:00 UTC, in ${spell(leftMs)}`
  })
}

function spell(ms: number): string {
  const minutes = Math.ceil(ms / 60_000)
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`
}

/**
 * Counts the instance-hours of the day. Instances that nobody could see meanwhile count as before;
 * a clock that goes back adds nothing.
 */
export function noteHours(
  memory: GroupMemory,
  group: GroupSpec,
  seen: GroupObservation,
  nowMs: EpochMs,
): GroupMemory {
  if (group.scaling.maxInstanceHours === undefined) return memory
  const last = memory.hours
  const alive = instancesOf(seen).filter((i) => i.phase !== 'exited').length
  const instances = seen.status.kind === 'known' ? alive : (last?.instances ?? memory.desired)
  const day = Math.floor(nowMs / DAY_MS)
  if (last === undefined) return { ...memory, hours: { day, usedMs: 0, atMs: nowMs, instances } }
  const isNewDay = day > last.day
  const sinceMs = Math.max(last.atMs, isNewDay ? day * DAY_MS : last.atMs)
  const addedMs = last.instances * Math.max(0, nowMs - sinceMs)
  const usedMs = (isNewDay ? 0 : last.usedMs) + addedMs
  return { ...memory, hours: { day: Math.max(day, last.day), usedMs, atMs: nowMs, instances } }
}
