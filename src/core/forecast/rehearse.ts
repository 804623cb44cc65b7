// The rehearsal: at every reading each forecaster, at each of its steps, is asked what it would
// have had running now, and whether that would have sufficed. What it forecast is what it would
// have cost; what would have come late is what it would have failed.
import type { EpochMs, SignalKind } from '../model.ts'
import { blendOf } from './blend.ts'
import {
  COUNT,
  FORECASTERS,
  KEPT,
  SEASONAL,
  SPREADING,
  SPREADS,
  STEPS,
  TIMES,
  TRENDING,
} from './forecasters.ts'
import { firstLevel, nextLevel, presentOf, slopeOf, spreadAt } from './level.ts'
import type { Coverage, DemandMemory, Lateness, Level, Past } from './model.ts'
import { firstSeasons, nextSeasons } from './season.ts'

/** So many moments stand for the time of a boot. */
const MARKS = 4
/** Shares are settled anew after so long, and sooner when something would have come late. */
const BLEND_MS = 10_000
const LATE_BLEND_MS = 3_000
/** Readings closer than this are one. */
const LEAST_MS = 250
/** A gap in the readings counts as this long at most. */
const MOST_S = 60
/** What is rehearsed is a little more than what came. */
const STRESS = 1.03
/** A signal without a queue may pass its target by so much; as the policy `target` has it. */
const TOLERATED = 1.1
/** What was long ago counts less: half after three days. */
const FADE_MS = 3_600_000
const FADE = 2 ** (-1 / 72)
/** How long the plan's own coverage is looked at, in seconds. */
const OWN_S = 3_600

/** One reading of demand, and the instances it is for. */
export interface Sample {
  readonly signal: SignalKind
  readonly target: number
  readonly atMs: EpochMs
  readonly value: number
  /** Whether what is not served waits, and adds to what comes later. */
  readonly queues: boolean
  /** Seconds from a request for an instance until it is ready, and until it is gone again. */
  readonly bootS: number
  readonly turnoverS: number
  /** How long a request may wait, in seconds, and which share may wait longer. */
  readonly waitS: number
  readonly lateRatio: number
  /** Seconds that one request stays when nothing waits; 0 where that is not known. */
  readonly residenceS: number
}

/** The memory of a group's demand after a reading. */
export function rehearse(before: DemandMemory | undefined, sample: Sample): DemandMemory {
  const isOther = before?.signal !== sample.signal || before.target !== sample.target
  if (before === undefined || isOther) return first(sample)
  if (sample.atMs < before.atMs) return setBack(before, sample.atMs)
  const elapsed = sample.atMs - before.atMs
  if (elapsed < LEAST_MS) return before
  const seconds = Math.min(MOST_S, elapsed / 1_000)
  return after(faded(before, sample.atMs), sample, seconds)
}

// The clock was set back: what was learned stays, at the new time.
function setBack(before: DemandMemory, atMs: EpochMs): DemandMemory {
  const by = before.atMs - atMs
  return {
    ...before,
    atMs,
    sinceMs: before.sinceMs - by,
    fadedAtMs: before.fadedAtMs - by,
    past: { ...before.past, markedAtMs: before.past.markedAtMs - by },
    blend: { ...before.blend, atMs: before.blend.atMs - by },
  }
}

function after(before: DemandMemory, sample: Sample, seconds: number): DemandMemory {
  const { signal, target, value, atMs, bootS } = sample
  const ageS = (before.atMs - before.sinceMs) / 1_000
  const level = nextLevel(before.level, value, seconds, ageS)
  const seasons = nextSeasons(before.seasons, level.fast, atMs, bootS)
  const forecast = forecasts({ before, level, seasons }, sample, seconds)
  const lateness = late(before, { ...forecast, level }, { sample, seconds })
  const spent = before.spent.slice()
  for (let f = 0; f < COUNT; f += 1)
    spent[f] = (spent[f] ?? 0) + (forecast.values[f] ?? 0) * seconds
  const spreadSpent = before.spreadSpent.slice()
  for (const f of SPREADING) {
    spreadSpent[f] = (spreadSpent[f] ?? 0) + (forecast.spreads[f] ?? 0) * seconds
  }
  const total = before.total + value * seconds
  const isLate = lateness !== before.lateness
  const isDue = atMs - before.blend.atMs >= (isLate ? LATE_BLEND_MS : BLEND_MS)
  const rehearsed = { spent, spreadSpent, lateness, total, level }
  const blend = isDue ? blendOf(rehearsed, sample, atMs) : before.blend
  const plan = planned(blend, forecast, isOff(before) ? (forecast.values[FIXED] ?? 0) : 0)
  return {
    signal,
    target,
    sinceMs: before.sinceMs,
    atMs,
    level,
    peaks: forecast.peaks,
    spent,
    spreadSpent,
    past: marked(before.past, { forecast, plan }, atMs, (bootS * 1_000) / MARKS),
    lateness,
    total,
    fadedAtMs: before.fadedAtMs,
    seasons,
    blend,
    plan,
    own: covered(before, { sample, seconds }),
    residenceS: sample.residenceS,
  }
}

function first(sample: Sample): DemandMemory {
  const { signal, target, atMs, value } = sample
  const zeros = new Array<number>(COUNT).fill(0)
  const level = firstLevel(value)
  const all = new Array<number>(COUNT * STEPS).fill(0)
  const isWaiting = new Array<boolean>(COUNT).fill(false)
  const lateness: Lateness = { late: all, queues: all, isWaiting }
  const none = new Array<number>(COUNT).fill(Number.MAX_VALUE)
  const past: Past = {
    ...{ markedAtMs: atMs, next: 0, ring: [], lowest: none, lowestSpread: none },
    lowestPlan: Number.MAX_VALUE,
  }
  const sums = { spent: zeros, spreadSpent: zeros, total: 0 }
  return {
    ...{ signal, target, sinceMs: atMs, atMs, level, peaks: new Array<number>(COUNT).fill(value) },
    ...{ ...sums, past, lateness, fadedAtMs: atMs, seasons: firstSeasons(), plan: value },
    blend: blendOf({ ...sums, lateness, level }, sample, atMs),
    own: { queue: 0, late: 0, total: 0 },
    residenceS: sample.residenceS,
  }
}

/** What all of them say now. */
interface Forecasts {
  readonly peaks: readonly number[]
  readonly values: readonly number[]
  readonly spreads: readonly number[]
}

interface Now extends Pick<DemandMemory, 'level' | 'seasons'> {
  readonly before: DemandMemory
}

// Copies of arrays of the same kind are cheaper to fill than new ones.
function forecasts(
  { before, level, seasons }: Now,
  { value, bootS, turnoverS }: Sample,
  seconds: number,
): Forecasts {
  const present = presentOf(level, value, before.level.last)
  const rising = present + slopeOf(level) * bootS
  const { fast } = level
  const peaks = before.peaks.slice()
  for (let f = 0; f < COUNT; f += 1) {
    const kept = (KEPT[f] ?? 0) * turnoverS
    const faded = fast + (((peaks[f] ?? 0) - fast) * kept) / (kept + seconds)
    const least = TRENDING[f] === true ? rising : present
    peaks[f] = faded > least ? faded : least
  }
  const values = peaks.slice()
  for (const f of SEASONAL) {
    const ahead = seasons[FORECASTERS[f]?.season ?? 0]?.ahead ?? 0
    if (ahead > (values[f] ?? 0)) values[f] = ahead
  }
  const spreads = before.spreadSpent.slice()
  for (const f of SPREADING) spreads[f] = spreadAt(peaks[f] ?? 0, level)
  return { peaks, values, spreads }
}

interface Moment {
  readonly sample: Sample
  readonly seconds: number
}

// Who would have had too little. Mostly nobody: then nothing is copied.
function late(
  { lateness, past }: DemandMemory,
  { level, ...forecast }: Forecasts & Pick<DemandMemory, 'level'>,
  moment: Moment,
): Lateness {
  const load = loadOf(moment.sample, level)
  let copy: { late: number[]; queues: number[]; isWaiting: boolean[] } | undefined
  for (let f = 0; f < COUNT; f += 1) {
    const low = Math.min(past.lowest[f] ?? 0, forecast.values[f] ?? 0)
    const lowSpread = Math.min(past.lowestSpread[f] ?? 0, forecast.spreads[f] ?? 0)
    const at = f * STEPS
    const least = (TIMES[at] ?? 0) * low + (SPREADS[at] ?? 0) * lowSpread
    if (load <= least && lateness.isWaiting[f] !== true) continue
    copy ??= {
      late: [...lateness.late],
      queues: [...lateness.queues],
      isWaiting: [...lateness.isWaiting],
    }
    let isWaiting = false
    for (let i = at; i < at + STEPS; i += 1) {
      const had = (TIMES[i] ?? 0) * low + (SPREADS[i] ?? 0) * lowSpread
      const queue = copy.queues[i] ?? 0
      const after = through({ queue, had, load }, moment)
      copy.late[i] = (copy.late[i] ?? 0) + after.late
      copy.queues[i] = after.queue
      isWaiting ||= after.queue > 0
    }
    copy.isWaiting[f] = isWaiting
  }
  return copy ?? lateness
}

// Where nothing queues the target is no wall: what counts is a level that stays above it.
function loadOf({ value, queues }: Sample, level: Level): number {
  return queues ? value * STRESS : Math.min(value, level.fast) / TOLERATED
}

// What becomes of the queue before whole instances, and how much of what came is late.
function through(
  { queue, had, load }: { readonly queue: number; readonly had: number; readonly load: number },
  { sample, seconds }: Moment,
): { readonly queue: number; readonly late: number } {
  const { target, value, queues, waitS } = sample
  const capacity = Math.max(1, Math.ceil(had / target - 1e-9)) * target
  // What waits is in it already, and would be counted again and again.
  if (!queues) return { queue: 0, late: load > capacity ? Math.min(value, capacity) * seconds : 0 }
  const after = Math.max(0, queue + (load - capacity) * seconds)
  const limit = capacity * waitS
  const most = Math.max(queue, after)
  const share = most <= limit ? 0 : Math.min(queue, after) > limit ? 1 : 0.5
  return { queue: after, late: value * seconds * share }
}

function faded(before: DemandMemory, atMs: EpochMs): DemandMemory {
  if (atMs - before.fadedAtMs < FADE_MS) return before
  const fade = (values: readonly number[]) => values.map((value) => value * FADE)
  return {
    ...before,
    spent: fade(before.spent),
    spreadSpent: fade(before.spreadSpent),
    lateness: { ...before.lateness, late: fade(before.lateness.late) },
    total: before.total * FADE,
    fadedAtMs: atMs,
  }
}

function planned(
  { times, spreads }: DemandMemory['blend'],
  forecast: Forecasts,
  least: number,
): number {
  let plan = 0
  for (let f = 0; f < COUNT; f += 1) {
    plan +=
      (times[f] ?? 0) * (forecast.values[f] ?? 0) + (spreads[f] ?? 0) * (forecast.spreads[f] ?? 0)
  }
  return Math.max(plan, least * FIXED_FACTOR)
}

/** The forecaster and the factor that are planned with while the rehearsal can't be trusted. */
const FIXED = FORECASTERS.findIndex((one) => one.keeps === 5 && one.trend)
const FIXED_FACTOR = 1.35

/** Late by so much more than was to be expected: the past does not tell. */
const OFF_TIMES = 3
const OFF_RATIO = 0.02

/** Whether far more came late than the rehearsal let expect; fixed headroom then takes over. */
export function isOff({ own, blend }: Pick<DemandMemory, 'own' | 'blend'>): boolean {
  return own.late > own.total * (blend.expectedLate * OFF_TIMES + OFF_RATIO)
}

function covered({ own, past, plan, level }: DemandMemory, moment: Moment): Coverage {
  const { value } = moment.sample
  const had = Math.min(past.lowestPlan, plan)
  const after = through({ queue: own.queue, had, load: loadOf(moment.sample, level) }, moment)
  const kept = OWN_S / (OWN_S + moment.seconds)
  return {
    queue: after.queue,
    late: own.late * kept + after.late,
    total: own.total * kept + value * moment.seconds,
  }
}

function marked(
  past: Past,
  { forecast, plan }: { readonly forecast: Forecasts; readonly plan: number },
  atMs: EpochMs,
  everyMs: number,
): Past {
  if (atMs - past.markedAtMs < everyMs) return past
  const mark = { forecasts: forecast.values, spreads: forecast.spreads, plan }
  const ring = past.ring.length < MARKS ? [...past.ring, mark] : past.ring.with(past.next, mark)
  // Until a whole boot was seen, what is there counts as having been there.
  if (ring.length < MARKS) return { ...past, ring, markedAtMs: atMs }
  const lowest = forecast.values.slice()
  const lowestSpread = forecast.spreads.slice()
  let lowestPlan = plan
  for (const one of ring) {
    for (let f = 0; f < COUNT; f += 1) {
      lowest[f] = Math.min(lowest[f] ?? 0, one.forecasts[f] ?? 0)
      lowestSpread[f] = Math.min(lowestSpread[f] ?? 0, one.spreads[f] ?? 0)
    }
    lowestPlan = Math.min(lowestPlan, one.plan)
  }
  // The one that filled it came last: the oldest is still the first.
  const next = past.ring.length < MARKS ? 0 : (past.next + 1) % MARKS
  return { markedAtMs: atMs, next, ring, lowest, lowestSpread, lowestPlan }
}
