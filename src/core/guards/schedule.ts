// The guard `schedule`: no more than the calendar allows now. It comes first, so that it scales in
// only where the others would.
import type { GroupContext } from '../context.ts'
import type { Adjustment } from '../model.ts'
import { adjust } from './adjust.ts'

/** The ceiling of the schedule; a floor of the same time stands against it. */
export function schedule(wanted: number, c: GroupContext): Adjustment | undefined {
  const ceiling = c.memory.schedule?.ceiling
  if (ceiling === undefined || wanted <= ceilingOf(c)) return undefined
  return adjust('schedule', wanted, ceilingOf(c), () => ceiling.reason)
}

/** Most instances that the schedule allows now; infinite where it says nothing. */
export function ceilingOf(c: GroupContext): number {
  const now = c.memory.schedule
  if (now?.ceiling === undefined) return Number.POSITIVE_INFINITY
  return Math.max(now.ceiling.instances, now.floor?.instances ?? 0)
}
