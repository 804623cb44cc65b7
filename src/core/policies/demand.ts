// The `demand` policy: instances for what arrives, and for what is likely to arrive until one that
// is started now is ready. How busy the fleet is says little once it is full; what arrives does.
import { horizonS, turnoverS, turnoverTimes } from '../capacity/turnover.ts'
import {
  brief,
  type GroupContext,
  numberOf,
  type Policy,
  readyCount,
  reasonOf,
  standsOn,
} from '../context.ts'
import { DEVIATIONS, FACTORS, FORECASTERS } from '../forecast/forecasters.ts'
import type { DemandMemory } from '../forecast/model.ts'
import { isOff, rehearse } from '../forecast/rehearse.ts'
import type {
  EpochMs,
  GroupMemory,
  GroupObservation,
  GroupSpec,
  MeasuredSignal,
  Recommendation,
} from '../model.ts'
import { demandSignal, measure, waitingDemand } from './arriving.ts'
import { UNIT } from './target.ts'

/** How long a request may wait where no SLO says it, in seconds. */
const WAIT_S = 0.25
/** Share of the SLO's time that may go into waiting. */
const WAIT_SHARE = 0.8
/** Share of demand that may be late where the file does not say. */
const LATE_RATIO = 0.001
/** Nothing late at all would cost without bound: so little stands for it. */
const LEAST_LATE_RATIO = 1e-6
/** What waits is to be gone after so many seconds, at least. */
const LEAST_DRAIN_S = 10
/** How fast it is learned how long requests stay, in seconds: with room to spare, and without. */
const CALM_S = 20
const FULL_S = 120
/** From this share of what the ready ones should carry on they may be full. */
const FULL_SHARE = 0.9
/** No reading is taken for more than so many times what the largest group would carry. */
const ABSURD = 10

/** Rehearses what arrived; the same memory where nothing can be measured. */
export function noteDemand(
  memory: GroupMemory,
  group: GroupSpec,
  seen: GroupObservation,
  nowMs: EpochMs,
): GroupMemory {
  const signal = demandSignal(group)
  if (signal === undefined) return memory
  const measured = measure(signal, seen, memory)
  if (measured === undefined) return memory
  const times = turnoverTimes(memory.turnover)
  const residenceS = signal.kind === 'cpu' ? 0 : residence(signal, seen, memory, nowMs)
  const { p99Ms } = group.slo
  const lateRatio = Math.max(LEAST_LATE_RATIO, group.slo.lateRatio ?? LATE_RATIO)
  const demand = rehearse(memory.demand, {
    signal: signal.kind,
    target: signal.target,
    atMs: nowMs,
    value: Math.min(measured.value, ABSURD * group.scaling.maxInstances * signal.target),
    queues: signal.kind === 'rps',
    bootS: horizonS(times),
    turnoverS: turnoverS(times),
    waitS: p99Ms === undefined ? WAIT_S : (p99Ms / 1_000) * WAIT_SHARE,
    lateRatio,
    residenceS,
  })
  return demand === memory.demand ? memory : { ...memory, demand }
}

// Little's law: what is in flight is what arrives times how long it stays. While instances are
// full it stays longer for want of them; if that lasts, it is what requests are like now.
function residence(
  signal: MeasuredSignal,
  seen: GroupObservation,
  memory: GroupMemory,
  nowMs: EpochMs,
) {
  const known = memory.demand?.residenceS ?? 0
  const inFlight = numberOf(seen.readings.inFlight)
  const rps = numberOf(seen.readings.rps)
  if (inFlight === undefined || rps === undefined || rps < 1 || inFlight <= 0) return known
  const load = signal.kind === 'rps' ? rps : inFlight
  const isFull = load > FULL_SHARE * readyCount(seen) * signal.target
  const now = inFlight / rps
  if (known === 0 || memory.demand === undefined) return isFull ? 0 : now
  const seconds = Math.max(0, (nowMs - memory.demand.atMs) / 1_000)
  return known + ((now - known) * seconds) / ((isFull ? FULL_S : CALM_S) + seconds)
}

/** As many as carry what arrives, what waits and what is planned for. */
export const demand: Policy = (context) => {
  const signal = demandSignal(context.group)
  if (signal === undefined) return []
  return [recommend(signal, context)]
}

function recommend(signal: MeasuredSignal, context: GroupContext): Recommendation {
  const { memory, seen, nowMs } = context
  const policy = 'demand'
  const known = memory.demand
  const measured = measure(signal, seen, memory)
  if (measured === undefined || known?.signal !== signal.kind) return without(signal, context)
  const times = turnoverTimes(memory.turnover)
  const drainS = Math.max(LEAST_DRAIN_S, horizonS(times) / 2)
  const present = Math.max(known.level.fast, measured.present)
  const waiting = waitingDemand(seen, known, measured.present, drainS)
  const now = present + waiting
  const instances = Math.max(0, Math.ceil(Math.max(now, known.plan) / signal.target - 1e-9))
  const isPlanned = known.plan > now && (instances !== context.current || isOff(known))
  const how = isPlanned ? ` (${planWords(known)})` : ''
  const reason = `${words(signal, known, now, waiting)} wants ${instances}${how}`
  return standsOn(measured.reading, { kind: 'want', policy, instances, reason }, nowMs)
}

function words(signal: MeasuredSignal, known: DemandMemory, now: number, waiting: number): string {
  const { plan } = known
  const unit = UNIT[signal.kind]
  const each = `at ${signal.target} per instance`
  const queue =
    waiting > 0 && waiting >= 0.05 * now ? ` (${brief(waiting)} of it for what waits)` : ''
  if (plan <= now) return `${brief(now)} ${unit}${queue} ${each}`
  return `${brief(now)} ${unit}${queue}, ${brief(plan)} planned for ${each}`
}

/** How a plan came about, for people. */
export function planWords(known: DemandMemory): string {
  const { leader, step } = known.blend
  const one = FORECASTERS[leader]
  const caution =
    one?.by === 'spread' ? `${DEVIATIONS[step]} deviations more` : `times ${FACTORS[step]}`
  const late = `${Math.round(known.blend.expectedLate * 10_000) / 100} % of past demand late`
  const fixed = isOff(known) ? '; more came late than that: fixed headroom counts too' : ''
  return `mostly ${one?.words} ${caution}: ${late}${fixed}`
}

// Where nothing can be measured: no instance has no CPU, and full ones only say "more".
function without(signal: MeasuredSignal, context: GroupContext): Recommendation {
  const { seen, current } = context
  const policy = 'demand'
  if (signal.kind === 'cpu' && seen.status.kind === 'unknown') {
    const reason = `no reading: the instances can't be seen: ${seen.status.fault.message}`
    return { kind: 'abstain', policy, reason, blind: true }
  }
  if (signal.kind === 'cpu' && numberOf(seen.readings.cpuPercent) !== undefined) {
    const reason = 'CPU is at its ceiling, and what a request costs is not known yet'
    return { kind: 'abstain', policy, reason, blind: false }
  }
  if (signal.kind === 'cpu' && current === 0) {
    return { kind: 'abstain', policy, reason: 'no instance, no CPU', blind: false }
  }
  const { rps, inFlight, cpuPercent } = seen.readings
  const reading = { rps, in_flight: inFlight, cpu: cpuPercent }[signal.kind]
  return { kind: 'abstain', policy, reason: `no reading: ${reasonOf(reading)}`, blind: true }
}
