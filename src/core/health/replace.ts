// Which instance is replaced for its health, if any: one at a time, and more of them later and
// later. The plan carries it out.
import { instancesOf, numberOf } from '../context.ts'
import type { EpochMs, GroupMemory } from '../model.ts'
import {
  type Checked,
  type Checks,
  checksOf,
  failureOf,
  fullOf,
  type Health,
  whyFailing,
} from './checks.ts'
import { liarAmong } from './liar.ts'
import type { Outage, Replacement } from './model.ts'

/** A failed check counts from this age on: a shared cause has shown in the others by then. */
const CONFIRM_MS = 1_000
/** One that failed, full or not, is no longer waited for after this. */
const STALLED_MS = 30_000
/** So many come one right after another, further ones after 5 s, 10 s, … up to a minute. */
const AT_ONCE = 2
const GAP_FIRST_MS = 5_000
const GAP_MOST_MS = 60_000
const QUIET_MS = 120_000
/** A restart is tried this long into a shared outage, then after twice as long each, to 10 min. */
const PROBE_FIRST_MS = { shared: 10_000, capacity: 60_000 } as const
const PROBE_MOST_MS = 600_000
/** An idle instance among busy ones, silent for this long, hangs rather than being slow. */
const HUNG_MS = 10_000
const IDLE_PERCENT = 2
const BUSY_PERCENT = 30

/** The memory with the replacement that goes on, ended, or begins in this turn. */
export function noteReplacement(health: Health): GroupMemory {
  const { memory, nowMs } = health
  const checks = checksOf(health.seen)
  if (checks === undefined) return memory
  const { replacing, replaced, ...rest } = memory
  const counted = replaced !== undefined && nowMs - replaced.lastAtMs < QUIET_MS ? { replaced } : {}
  if (replacing !== undefined && goesOn(replacing, health, checks)) return { ...memory, ...counted }
  const idle: GroupMemory = { ...rest, ...counted }
  const begun = isDue(idle, nowMs) ? choose({ ...health, memory: idle }, checks) : undefined
  if (begun === undefined) return idle
  const { isProbe, ...next } = begun
  const count = (idle.replaced?.count ?? 0) + 1
  const { outage } = idle
  const probed = isProbe && outage !== undefined ? { outage: probedOutage(outage, nowMs) } : {}
  return { ...idle, ...probed, replacing: next, replaced: { count, lastAtMs: nowMs } }
}

// Well again: it stays. Gone: until another one is there. Its successor failed: given up.
function goesOn(replacing: Replacement, health: Health, checks: Checks): boolean {
  const { memory, seen, nowMs } = health
  const { instance, sinceMs, breaks } = replacing
  if (memory.failures.lastAtMs >= sinceMs) return false
  const instances = instancesOf(seen)
  const itself = instances.find((i) => i.id === instance)
  if (itself?.phase === 'ready') {
    const inTime = nowMs - sinceMs < health.group.run.startTimeoutMs + STALLED_MS
    return inTime && (breaks || !checks.well.some((c) => c.instance === itself))
  }
  const coming = instances.some((i) => i.phase === 'starting' && i.startedAtMs >= sinceMs)
  const missing = checks.all.length < memory.desired
  return nowMs - sinceMs < STALLED_MS && (coming || missing)
}

// While starts are put off for their failures, or one failed just now, nothing more is taken away.
function isDue(memory: GroupMemory, nowMs: EpochMs): boolean {
  const { replaced, failures } = memory
  if (nowMs < failures.retryAtMs || nowMs - failures.lastAtMs < GAP_FIRST_MS) return false
  if (replaced === undefined || replaced.count < AT_ONCE) return true
  const gapMs = Math.min(GAP_MOST_MS, GAP_FIRST_MS * 2 ** (replaced.count - AT_ONCE))
  return nowMs - replaced.lastAtMs >= gapMs
}

type Begun = Replacement & { readonly isProbe: boolean }

function choose(health: Health, checks: Checks): Begun | undefined {
  const { memory, nowMs } = health
  const confirmed = checks.failing.filter((c) => !isWithin(c, nowMs, CONFIRM_MS)).sort(byAge)
  if (memory.outage !== undefined) return chooseInOutage(health, checks, confirmed)
  const [worst] = confirmed
  if (worst !== undefined) {
    const { well, failing } = checks
    // What carries the rest must be up to it; where nothing else does, the failing one may be
    // better than none.
    const surge = well.length === 0 || fullOf(health, well, failing) !== undefined
    return begin(worst, { health, surge, reason: notAnswering(worst) })
  }
  const liar = liarAmong(checks.well)
  if (liar === undefined) return undefined
  return { ...begin(liar.checked, { health, surge: true, reason: liar.reason }), breaks: true }
}

function notAnswering(checked: Checked): string {
  return `it does not answer (${whyFailing([checked])})`
}

function begin(
  { instance }: Checked,
  how: { readonly health: Health; readonly surge: boolean; readonly reason: string },
): Begun {
  const { health, surge, reason } = how
  const base = { instance: instance.id, sinceMs: health.nowMs }
  return { ...base, reason, surge, breaks: false, isProbe: false }
}

// Who is sure to hang goes; else one is tried now and then, and only once another one serves.
function chooseInOutage(
  health: Health,
  checks: Checks,
  confirmed: readonly Checked[],
): Begun | undefined {
  const { memory, nowMs } = health
  const sure = confirmed.find((c) => isSure(c, checks, nowMs))
  if (sure !== undefined) return begin(sure, { health, surge: false, reason: notAnswering(sure) })
  const [oldest] = confirmed
  const { outage } = memory
  if (oldest === undefined || outage === undefined || nowMs < probeAtMs(outage)) return undefined
  const reason = 'it fails its check as the others do: one is tried anew, to see whether that helps'
  return { ...begin(oldest, { health, surge: true, reason }), isProbe: true }
}

/** When the next restart is tried in an outage. */
export function probeAtMs(outage: Outage): EpochMs {
  const waitMs = Math.min(PROBE_MOST_MS, PROBE_FIRST_MS[outage.cause] * 2 ** outage.probes)
  return (outage.probedAtMs ?? outage.sinceMs) + waitMs
}

function probedOutage(outage: Outage, nowMs: EpochMs): Outage {
  return { ...outage, probes: Math.min(20, outage.probes + 1), probedAtMs: nowMs }
}

// Nobody listens there while others are listened to; or it does nothing while the others work.
function isSure(checked: Checked, { all }: Checks, nowMs: EpochMs): boolean {
  const others = all.filter((c) => c !== checked)
  if (failureOf(checked) === 'refused') {
    return others.some((c) => c.target.health === 'healthy' || failureOf(c) !== 'refused')
  }
  const own = numberOf(checked.instance.cpuPercent)
  if (failureOf(checked) !== 'silent' || own === undefined || own >= IDLE_PERCENT) return false
  const values = others.flatMap((c) => numberOf(c.instance.cpuPercent) ?? [])
  const mean = values.reduce((total, v) => total + v, 0) / Math.max(1, values.length)
  return mean >= BUSY_PERCENT && !isWithin(checked, nowMs, HUNG_MS)
}

// A clock that was set back makes it old, not new.
function isWithin({ target }: Checked, nowMs: EpochMs, ms: number): boolean {
  const age = nowMs - target.healthSinceMs
  return age >= 0 && age < ms
}

function byAge(a: Checked, b: Checked): number {
  if (a.target.healthSinceMs !== b.target.healthSinceMs)
    return a.target.healthSinceMs - b.target.healthSinceMs
  return a.instance.startedAtMs - b.instance.startedAtMs
}
