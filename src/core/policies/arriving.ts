// What arrives at a group, by the signal that it is sized by: demand, not how busy the fleet was.
import { instancesOf, numberOf } from '../context.ts'
import type { DemandMemory } from '../forecast/model.ts'
import type { GroupMemory, GroupObservation, GroupSpec, Reading, SignalSpec } from '../model.ts'

/** CPU of a single-threaded instance above this tells only that more is needed, not how much. */
export const CEILING_PERCENT = 95
/** Above this an instance uses several cores, so its CPU still measures. */
export const SEVERAL_CORES_PERCENT = 105

/** The signal that demand is measured by: the first one declared, else CPU. */
export function demandSignal(group: GroupSpec): SignalSpec | undefined {
  if (group.scaling.policy === 'target') return undefined
  const first = group.signals[0]
  if (first !== undefined) return first
  if (group.steps?.some((step) => step.kind === 'cpu')) return undefined
  return { kind: 'cpu', target: group.scaling.thresholdPercent }
}

/** A measured demand, and the reading it stands on. */
export interface Measured {
  readonly value: number
  readonly reading: Reading
}

/** What arrives, in the signal's unit; undefined where that can't be told. */
export function measure(
  signal: SignalSpec,
  seen: GroupObservation,
  memory: GroupMemory,
): Measured | undefined {
  const { readings } = seen
  if (signal.kind === 'cpu') return measureCpu(seen, memory)
  if (signal.kind === 'in_flight') return measureInFlight(seen, memory)
  const value = numberOf(readings.rps)
  return value === undefined ? undefined : { value: Math.max(0, value), reading: readings.rps }
}

/** In flight beyond so many times what arrives would need is a queue, not demand. */
const QUEUE_FROM = 3

function measureInFlight(
  { readings }: GroupObservation,
  memory: GroupMemory,
): Measured | undefined {
  const inFlight = numberOf(readings.inFlight)
  if (inFlight === undefined) return undefined
  const rps = numberOf(readings.rps)
  const stays = memory.demand?.residenceS ?? 0
  const most = rps === undefined || stays === 0 ? Number.MAX_VALUE : QUEUE_FROM * rps * stays
  const value = Math.max(0, Math.min(inFlight, most))
  return { value, reading: readings.inFlight }
}

/** What waits beyond what is being served, as demand that would have it gone after `seconds`. */
export function waitingDemand(
  { readings }: GroupObservation,
  known: DemandMemory,
  measured: number,
  seconds: number,
): number {
  const inFlight = numberOf(readings.inFlight)
  const { residenceS, level, signal } = known
  if (inFlight === undefined || residenceS === 0) return 0
  if (signal === 'in_flight') return (Math.max(0, inFlight - measured) * residenceS) / seconds
  // Twice what is usual is still no queue.
  if (signal === 'rps') return Math.max(0, inFlight - level.fast * residenceS * 2) / seconds
  return 0
}

// Full instances hide what is missing; what arrives, times what one request costs, does not.
function measureCpu(seen: GroupObservation, memory: GroupMemory): Measured | undefined {
  const { cpuPercent, rps } = seen.readings
  const mean = numberOf(cpuPercent)
  if (mean === undefined) return undefined
  if (mean < CEILING_PERCENT || mean > SEVERAL_CORES_PERCENT) {
    let ready = 0
    for (const { phase } of instancesOf(seen)) if (phase === 'ready') ready += 1
    return { value: ready * mean, reading: cpuPercent }
  }
  const arriving = numberOf(rps)
  const cost = memory.cpuPerRps
  if (arriving === undefined || cost === undefined) return undefined
  return { value: arriving * cost, reading: cpuPercent }
}
