// What arrives at a group, by the signal that it is sized by: demand, not how busy the fleet was.
import { numberOf, readyCount } from '../context.ts'
import type { DemandMemory } from '../forecast/model.ts'
import type { GroupMemory, GroupObservation, GroupSpec, MeasuredSignal, Reading } from '../model.ts'

/** CPU of a single-threaded instance above this tells only that more is needed, not how much. */
export const CEILING_PERCENT = 95
/** Above this an instance uses several cores, so its CPU still measures. */
export const SEVERAL_CORES_PERCENT = 105

/**
 * The signal that demand is measured by: the first measured one declared, and CPU where none is
 * declared at all. A group sized by queries alone has none: what arrives at it is the monitor's.
 */
export function demandSignal(group: GroupSpec): MeasuredSignal | undefined {
  if (group.scaling.policy === 'target') return undefined
  const { signals } = group
  const first = signals.find((s) => s.kind !== 'query')
  if (first !== undefined || signals.length > 0) return first
  if (group.steps?.some((step) => step.kind === 'cpu')) return undefined
  return { kind: 'cpu', target: group.scaling.thresholdPercent }
}

/** A measured demand, and the reading it stands on. */
export interface Measured {
  /** What is rehearsed. */
  readonly value: number
  /** What is answered now. */
  readonly present: number
  readonly reading: Reading
}

/** What arrives, in the signal's unit; undefined where that can't be told. */
export function measure(
  signal: MeasuredSignal,
  seen: GroupObservation,
  memory: GroupMemory,
): Measured | undefined {
  const { readings } = seen
  if (signal.kind === 'cpu') return measureCpu(seen, memory)
  if (signal.kind === 'in_flight') return measureInFlight(seen, memory)
  const rps = numberOf(readings.rps)
  if (rps === undefined) return undefined
  const value = Math.max(0, rps)
  return { value, present: value, reading: readings.rps }
}

/**
 * In flight beyond so many times what arrives would need is a queue, not demand: it is not kept in
 * mind. More is believed now, as the rate is a second late.
 */
const QUEUE_FROM = 1.3
const PRESENT_FROM = 2

function measureInFlight(
  { readings }: GroupObservation,
  memory: GroupMemory,
): Measured | undefined {
  const inFlight = numberOf(readings.inFlight)
  if (inFlight === undefined) return undefined
  const rps = numberOf(readings.rps)
  const stays = memory.demand?.residenceS ?? 0
  const offered = rps === undefined || stays === 0 ? Number.MAX_VALUE / 2 : rps * stays
  return {
    value: Math.max(0, Math.min(inFlight, QUEUE_FROM * offered)),
    present: Math.max(0, Math.min(inFlight, PRESENT_FROM * offered)),
    reading: readings.inFlight,
  }
}

/** What waits beyond what is being served, as demand that would have it gone after `seconds`. */
export function waitingDemand(
  { readings }: GroupObservation,
  known: DemandMemory,
  present: number,
  seconds: number,
): number {
  const inFlight = numberOf(readings.inFlight)
  const { residenceS, level, signal } = known
  if (inFlight === undefined || residenceS === 0) return 0
  if (signal === 'in_flight') return (Math.max(0, inFlight - present) * residenceS) / seconds
  // Twice what is usual is still no queue.
  if (signal === 'rps') return Math.max(0, inFlight - level.fast * residenceS * 2) / seconds
  return 0
}

// Full instances hide what is missing; what arrives, times what one request costs, does not.
function measureCpu(seen: GroupObservation, memory: GroupMemory): Measured | undefined {
  const { cpuPercent, rps } = seen.readings
  const mean = numberOf(cpuPercent)
  // Whose CPU it is, nobody can say while the instances can't be seen.
  if (mean === undefined || seen.status.kind === 'unknown') return undefined
  if (mean < CEILING_PERCENT || mean > SEVERAL_CORES_PERCENT) {
    const value = readyCount(seen) * Math.max(0, mean)
    return { value, present: value, reading: cpuPercent }
  }
  const arriving = numberOf(rps)
  const cost = memory.cpuPerRps
  if (arriving === undefined || cost === undefined) return undefined
  const value = Math.max(0, arriving) * cost
  return { value, present: value, reading: cpuPercent }
}
