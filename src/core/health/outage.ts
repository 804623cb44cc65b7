// Most checks fail at once: for want of capacity, or of a shared cause? Remembered while it lasts.
import { instancesOf, numberOf } from '../context.ts'
import type { GroupMemory } from '../model.ts'
import {
  type Checks,
  checksOf,
  failureOf,
  fullByCpu,
  fullOf,
  type Health,
  whyFailing,
} from './checks.ts'
import type { Outage } from './model.ts'

/** An outage is over once enough checks passed for this long. */
export const CALM_MS = 10_000
/** How long after its instances are ready a scale-out must have shown its effect. */
const EFFECT_MS = 10_000
/** Instances that were full count as full for this long: checks recover later than load falls. */
const FULL_MS = 10_000

/**
 * The memory with this turn's checks in it. More than half failing while full is `capacity`; all of
 * two or more failing otherwise is `shared`; anything less is the instances' own affair.
 */
export function noteOutage(health: Health): GroupMemory {
  const { memory, nowMs } = health
  const checks = checksOf(health.seen)
  // Nobody can say, or there is nobody to check: what was known stands.
  if (checks === undefined || checks.all.length === 0) return memory
  const { outage: before, ...rest } = memory
  const now = judge(health, checks)
  if (now !== undefined) return { ...rest, outage: now }
  if (before === undefined) return memory
  const calmSinceMs = before.calmSinceMs ?? nowMs
  return nowMs - calmSinceMs >= CALM_MS ? rest : { ...rest, outage: { ...before, calmSinceMs } }
}

function judge(health: Health, checks: Checks): Outage | undefined {
  const { memory, nowMs } = health
  const { all, failing } = checks
  if (failing.length * 2 <= all.length) return undefined
  const begun: Pick<Outage, 'sinceMs' | 'probes'> & Partial<Outage> = { sinceMs: nowMs, probes: 0 }
  const { calmSinceMs: _failsAgain, ...before } = memory.outage ?? begun
  const full = fullOf(health, all, failing)
  const helpless = full !== undefined && isHelpless(health, checks)
  const fullAtMs = full === undefined || helpless ? before.fullAtMs : nowMs
  const lately = fullAtMs !== undefined && nowMs - fullAtMs < FULL_MS && !helpless
  if (lately && (full !== undefined || before.cause === 'capacity')) {
    const how = full === undefined ? 'were full a moment ago' : `are full (${full})`
    const reason = `${failing.length} of ${all.length} instances fail their check while they ${how}`
    return { ...before, cause: 'capacity', reason, fullAtMs }
  }
  // One instance that fails is alone with it, unless others failed with it before.
  const alone = all.length < 2 && before.cause !== 'shared'
  if (failing.length < all.length || alone) return undefined
  return { ...before, cause: 'shared', reason: sharedReason(checks, helpless, before.step?.to) }
}

function sharedReason({ all, failing }: Checks, helpless: boolean, to?: number): string {
  const who =
    all.length === 1 ? 'the only instance fails its' : `all ${all.length} instances fail their`
  const alike = new Set(failing.map(failureOf)).size === 1 ? ' alike' : ''
  const more = helpless && to !== undefined ? `, and the step to ${to} did not help` : ''
  return `${who} check${alike} (${whyFailing(failing)})${more}: a shared cause; nothing is replaced or scaled in`
}

// More instances did not make one more pass, and nothing comes of what they do: room is not what
// they lack. In doubt it is, because more instances harm less than too few.
function isHelpless(health: Health, checks: Checks): boolean {
  const { memory, seen, group, nowMs } = health
  const { outage } = memory
  const step = outage?.step
  if (step === undefined || fullByCpu(health) !== undefined || isWorking(health, checks))
    return false
  if (outage?.cause === 'shared') return true
  if (isWaiting(health, step.atMs)) return false
  const late = nowMs - step.atMs > group.run.startTimeoutMs + EFFECT_MS
  const arrived = instancesOf(seen).some((i) => i.startedAtMs >= step.atMs && i.phase === 'ready')
  return (arrived || late) && checks.well.length <= step.well
}

// Full instances still serve what they can; what can't be told is taken for that.
function isWorking({ seen }: Health, { all }: Checks): boolean {
  const { responses, errorsRatio } = seen.readings
  const count = responses === undefined ? undefined : numberOf(responses)
  if (count === undefined) return true
  return count * (1 - (numberOf(errorsRatio) ?? 0)) >= all.length
}

/** Whether instances started at `sinceMs` may still be about to help. */
export function isWaiting({ group, seen, nowMs }: Health, sinceMs: number): boolean {
  const instances = instancesOf(seen)
  const started = instances.some((i) => i.phase === 'starting')
  if (started && nowMs - sinceMs < group.run.startTimeoutMs + EFFECT_MS) return true
  const ready = instances.filter((i) => i.phase === 'ready').map((i) => i.phaseAtMs)
  return nowMs - Math.max(sinceMs, ...ready) < EFFECT_MS
}
