// The `target` policy: as many instances as keep each signal at its value per instance.
// Formula: ceil(total / target), as in the Kubernetes HPA's algorithm (kubernetes.io, "Algorithm
// details").
import { type GroupContext, numberOf, type Policy, reasonOf, round1, standsOn } from '../context.ts'
import type { MeasuredSignal, Recommendation, SignalKind } from '../model.ts'
import { CEILING_PERCENT, demandSignal, measure, SEVERAL_CORES_PERCENT } from './arriving.ts'

/** Relative distance from the target inside which nothing changes; the HPA's default. */
const TOLERANCE = 0.1

/**
 * One recommendation per signal; the CPU threshold counts even where other signals are named. What
 * `demand` measures is left to it.
 */
export const target: Policy = (context) => {
  const { group, seen, memory } = context
  const first = demandSignal(group)
  const isMeasured = first !== undefined && measure(first, seen, memory) !== undefined
  const all = signalsOf(context)
  const left = isMeasured ? all.filter((signal) => signal.kind !== first.kind) : all
  return left.map((signal) => recommend(signal, context))
}

/** The measured signals of a group: the declared ones, and CPU at the threshold unless declared. */
export function signalsOf(context: GroupContext): readonly MeasuredSignal[] {
  const declared = context.group.signals.filter((s) => s.kind !== 'query')
  if (declared.some((s) => s.kind === 'cpu')) return declared
  if (context.group.steps?.some((s) => s.kind === 'cpu')) return declared
  // Idle workers use a little CPU, and by that the last one of them would stay for ever.
  if (context.group.queues !== undefined) return declared
  return [...declared, { kind: 'cpu', target: context.group.scaling.thresholdPercent }]
}

function recommend(signal: MeasuredSignal, context: GroupContext): Recommendation {
  const policy = `target.${signal.kind}`
  if (signal.kind === 'cpu') return cpu(policy, signal.target, context)
  const reading = context.seen.readings[signal.kind === 'rps' ? 'rps' : 'inFlight']
  const total = numberOf(reading)
  if (total === undefined) return blind(policy, reasonOf(reading))
  const instances = sized(total / signal.target, context)
  const words = `${round1(total)} ${UNIT[signal.kind]} at ${signal.target} per instance`
  const reason = `${words} wants ${instances}`
  return standsOn(reading, { kind: 'want', policy, instances, reason }, context.nowMs)
}

/** For people: what a signal counts. */
export const UNIT: Record<SignalKind, string> = {
  in_flight: 'in flight',
  rps: 'requests/s',
  cpu: 'percent of a core',
}

function cpu(policy: string, threshold: number, context: GroupContext): Recommendation {
  const reading = context.seen.readings.cpuPercent
  const mean = numberOf(reading)
  if (mean === undefined) {
    if (context.current > 0) return blind(policy, reasonOf(reading))
    return { kind: 'abstain', policy, reason: 'no instance, no CPU', blind: false }
  }
  const n = context.ready.length
  if (mean >= CEILING_PERCENT && mean <= SEVERAL_CORES_PERCENT)
    return ceiling(policy, threshold, context)
  const instances = sized((n * mean) / threshold, context)
  const words = `CPU ${round1(mean)} % of a core on ${n}, ${threshold} % is full`
  const reason = `${words}: wants ${instances}`
  return standsOn(reading, { kind: 'want', policy, instances, reason }, context.nowMs)
}

// At its ceiling CPU hides how much is missing; what arrives, times what one request cost before,
// does not.
function ceiling(policy: string, threshold: number, context: GroupContext): Recommendation {
  const n = Math.max(1, context.ready.length)
  const rps = numberOf(context.seen.readings.rps)
  const cost = context.memory.cpuPerRps
  const more = Math.max(context.current, n + 1)
  const reading = context.seen.readings.cpuPercent
  if (rps === undefined || cost === undefined) {
    const instances = Math.max(context.current, n * 2)
    const reason = `CPU is at its ceiling on ${n} and says only "more": wants ${instances}`
    return standsOn(reading, { kind: 'want', policy, instances, reason }, context.nowMs)
  }
  const instances = Math.max(more, Math.ceil((rps * cost) / threshold))
  const reason = `CPU is at its ceiling; ${round1(rps)} requests/s at ${round1(cost)} % each wants ${instances}`
  return standsOn(reading, { kind: 'want', policy, instances, reason }, context.nowMs)
}

function blind(policy: string, why: string): Recommendation {
  return { kind: 'abstain', policy, reason: `no reading: ${why}`, blind: true }
}

/**
 * Instances for an exact number of them: within the tolerance the present number stays. Beside
 * `demand` a signal is a ceiling: being near it from below is no reason to keep anything.
 */
export function sized(exact: number, { current, group }: GroupContext): number {
  const isCeiling = demandSignal(group) !== undefined
  const off = current > 0 ? exact / current - 1 : Number.POSITIVE_INFINITY
  if (off <= TOLERANCE && off >= (isCeiling ? 0 : -TOLERANCE)) return current
  return Math.max(0, Math.ceil(exact - 1e-9))
}
