// How long fewer instances must be wanted before some leave, where the file does not say.
import type { GroupMemory, GroupSpec } from '../model.ts'
import { demandSignal } from '../policies/arriving.ts'
import { turnoverS, turnoverTimes } from './turnover.ts'

/** Of a turnover: that long the boot of one that is wanted again would not have paid. */
const SHARE = 0.5
/** What follows every reading needs a longer breath, in milliseconds. */
const REACTIVE_MS = 60_000

/**
 * The settle window in milliseconds: as declared; else, with the policy `demand`, which keeps peaks
 * in mind itself, half of a boot and a drain as they were seen; else, and where a query counts, a
 * minute.
 */
export function settleMsOf(group: GroupSpec, memory: GroupMemory): number {
  const { settleMs } = group.scaling
  if (settleMs !== undefined) return settleMs
  const isReactive = demandSignal(group) === undefined
  if (isReactive || group.signals.some((s) => s.kind === 'query')) return REACTIVE_MS
  return SHARE * turnoverS(turnoverTimes(memory.turnover)) * 1_000
}
