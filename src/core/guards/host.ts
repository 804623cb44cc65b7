// The guard `host`: a machine that is full gains nothing from more instances.
import { type GroupContext, numberOf } from '../context.ts'
import type { Adjustment } from '../model.ts'
import { adjust } from './adjust.ts'

/** The host counts as full from this CPU on, percent of all cores over about ten seconds. */
export const HOST_FULL_PERCENT = 95
/** From this share of the machine on it is the group itself that fills it. */
const HOST_OWN_SHARE = 0.25

/**
 * No change in a group that fills its machine. Where others fill it, and the group's own instances
 * wait rather than compute, more of them still help.
 */
export function host(wanted: number, c: GroupContext): Adjustment | undefined {
  const cpu = numberOf(c.observation.hostCpuPercent)
  if (cpu === undefined || cpu < HOST_FULL_PERCENT) return undefined
  const mean = numberOf(c.seen.readings.cpuPercent)
  const own = mean === undefined ? undefined : mean * c.ready.length
  const capacity = c.observation.hostCores * 100
  if (own !== undefined && own < capacity * HOST_OWN_SHARE) return undefined
  return adjust('host', wanted, c.current, () => {
    const share = own === undefined ? '' : `, ${Math.round(own)} of ${capacity} by this group`
    return `this machine is full (CPU ${Math.round(cpu)} %${share}): more instances can't help here`
  })
}
