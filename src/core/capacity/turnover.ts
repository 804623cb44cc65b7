// How long the instances of a group take to boot and to drain, learned from those that did.
import { instancesOf } from '../context.ts'
import type { Turnover, TurnoverTimes } from '../forecast/model.ts'
import type { EpochMs, GroupMemory, GroupObservation, GroupSpec, Instance } from '../model.ts'

/** So many are remembered of each. */
const KEPT = 40
/** What is taken where nobody was seen yet, in seconds. */
const BOOT_S = 30
const DRAIN_S = 10
/** Beyond the median boot. */
const MARGIN = 1.15
/** A turnover is not taken to be shorter: what flaps faster is noise. */
const LEAST_S = 8

/** What was learned; assumptions where nothing was. */
export function turnoverTimes(turnover: Turnover | undefined): TurnoverTimes {
  return turnover?.times ?? ASSUMED
}

const ASSUMED: TurnoverTimes = { bootS: { p50: BOOT_S, p95: BOOT_S }, drainS: DRAIN_S }

/** How far ahead is planned: an ordinary boot and a little, in seconds. A slow one is rare. */
export function horizonS({ bootS }: TurnoverTimes): number {
  return Math.min(bootS.p50 * MARGIN, bootS.p95)
}

/** A boot and a drain: what it costs to be without an instance and want it again, in seconds. */
export function turnoverS(times: TurnoverTimes): number {
  return Math.max(LEAST_S, horizonS(times) + times.drainS)
}

/** Learns from those that became ready or ended since; the same memory where nobody did. */
export function noteTurnover(
  memory: GroupMemory,
  group: GroupSpec,
  seen: GroupObservation,
  nowMs: EpochMs,
): GroupMemory {
  const generation = group.run.hash
  const before = memory.turnover?.generation === generation ? memory.turnover : fresh(generation)
  const after = drained(booted(inTime(before, nowMs), seen, nowMs), seen, nowMs)
  return after === memory.turnover ? memory : { ...memory, turnover: after }
}

function fresh(generation: string): Turnover {
  return { generation, ...timed([], []), readyAtMs: 0, draining: {} }
}

function timed(bootsS: readonly number[], drainsS: readonly number[]) {
  const p50 = quantile(bootsS, 0.5) ?? BOOT_S
  const p95 = quantile(bootsS, 0.95) ?? BOOT_S
  const times = { bootS: { p50, p95 }, drainS: quantile(drainsS, 0.5) ?? DRAIN_S }
  return { bootsS, drainsS, times }
}

// A clock that was set back must not hide those that become ready until it has caught up.
function inTime(turnover: Turnover, nowMs: EpochMs): Turnover {
  return turnover.readyAtMs <= nowMs ? turnover : { ...turnover, readyAtMs: nowMs }
}

function booted(turnover: Turnover, seen: GroupObservation, nowMs: EpochMs): Turnover {
  let latest = turnover.readyAtMs
  let boots: number[] | undefined
  for (const instance of instancesOf(seen)) {
    const { phase, phaseAtMs, startedAtMs } = instance
    if (phase !== 'ready' || phaseAtMs <= turnover.readyAtMs || phaseAtMs < startedAtMs) continue
    if (phaseAtMs > nowMs) continue
    // During a roll those of before are ready too: they tell nothing of the new code.
    if (!instance.generation.startsWith(`${turnover.generation}.`)) continue
    boots ??= [...turnover.bootsS]
    boots.push((phaseAtMs - startedAtMs) / 1_000)
    latest = Math.max(latest, phaseAtMs)
  }
  if (boots === undefined) return turnover
  return { ...turnover, ...timed(boots.slice(-KEPT), turnover.drainsS), readyAtMs: latest }
}

function drained(turnover: Turnover, seen: GroupObservation, nowMs: EpochMs): Turnover {
  const { draining } = turnover
  if (seen.status.kind === 'unknown') return turnover
  const leaving: Instance[] = []
  for (const instance of instancesOf(seen)) {
    const { phase } = instance
    if (phase === 'draining' || phase === 'stopping') leaving.push(instance)
  }
  const known = Object.keys(draining)
  if (leaving.length === 0 && known.length === 0) return turnover
  const names = new Set(leaving.map(({ id }) => id))
  const gone = known.filter((id) => !names.has(id))
  const come = leaving.filter(({ id }) => draining[id] === undefined)
  if (gone.length === 0 && come.length === 0) return turnover
  const ended = gone.flatMap((id) => took(draining[id], nowMs))
  return {
    ...timed(turnover.bootsS, [...turnover.drainsS, ...ended].slice(-KEPT)),
    ...{ generation: turnover.generation, readyAtMs: turnover.readyAtMs },
    draining: Object.fromEntries(leaving.map((i) => [i.id, draining[i.id] ?? i.phaseAtMs])),
  }
}

function took(sinceMs: EpochMs | undefined, atMs: EpochMs): readonly number[] {
  return sinceMs === undefined || atMs < sinceMs ? [] : [(atMs - sinceMs) / 1_000]
}

function quantile(values: readonly number[], share: number): number | undefined {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)]
}
