// The guard `blind`: what may be done on readings that are old or missing. An outage of the
// readings looks like low load; it must never take instances away.
//
//   fresh   up to three periods     act
//   stale   up to ten               only out
//   older                           neither
//   long    from ten minutes on     at least what was wanted last; never in
import { type GroupContext, isFresh, periodOf } from '../context.ts'
import type { Adjustment, EpochMs, GroupMemory, Recommendation } from '../model.ts'
import { adjust } from './adjust.ts'
import type { Blindness } from './model.ts'
import { ceilingOf } from './schedule.ts'

const STALE_PERIODS = 10
const LONG_MS = 10 * 60_000

/** No scale-in on less than all readings, no scale-out on old ones, no fewer in long outages. */
export function blind(
  wanted: number,
  c: GroupContext,
  recommendations: readonly Recommendation[],
): Adjustment | undefined {
  const worst = worstOf(recommendations, c)
  const last = lastGood(recommendations, worst, c)
  if (worst !== undefined && last > Math.max(wanted, c.current)) {
    return adjust('blind', wanted, last, () => {
      return `without ${said(worst)}: at least the last good want, ${last}`
    })
  }
  if (wanted < c.current) return noIn(wanted, worst, c)
  if (worst === undefined || wanted === c.current) return undefined
  const to = usable(recommendations, c)
  if (to >= wanted) return undefined
  return adjust('blind', wanted, to, () => `no scale-out on old readings: ${said(worst)}`)
}

function noIn(wanted: number, worst: Worst | undefined, c: GroupContext): Adjustment | undefined {
  const { status } = c.seen
  if (status.kind === 'unknown') {
    const reason = () => `the instances can't be seen: ${status.fault.message}`
    return adjust('blind', wanted, c.current, reason)
  }
  if (worst === undefined) return undefined
  return adjust('blind', wanted, c.current, () => {
    return `no scale-in without ${said(worst)}`
  })
}

/** The policy that has been without a fresh reading for longest. */
interface Worst {
  readonly policy: string
  readonly ageMs: number
  /** Why there is no reading; absent where there is an old one. */
  readonly missing?: string
}

function worstOf(all: readonly Recommendation[], c: GroupContext): Worst | undefined {
  let worst: Worst | undefined
  for (const r of all) {
    if (r.kind === 'want') {
      if (r.atMs === undefined || isFresh(r.atMs, c)) continue
      const ageMs = c.nowMs - r.atMs
      if (ageMs > (worst?.ageMs ?? -1)) worst = { policy: r.policy, ageMs }
    } else if (r.blind) {
      // A clock that was set back makes it new, not young enough to be none.
      const ageMs = Math.max(0, c.nowMs - (c.memory.blind?.[r.policy]?.sinceMs ?? c.nowMs))
      if (ageMs > (worst?.ageMs ?? -1)) worst = { policy: r.policy, ageMs, missing: r.reason }
    }
  }
  return worst
}

function said({ policy, ageMs, missing }: Worst): string {
  const age = `${Math.round(ageMs / 1000)} s`
  return missing === undefined
    ? `${policy} (its reading is ${age} old)`
    : `${policy} (${missing}, for ${age})`
}

// The largest want that may scale out: neither the two old kinds, nor less than there is.
function usable(all: readonly Recommendation[], c: GroupContext): number {
  const staleMs = STALE_PERIODS * periodOf(c)
  let most = c.current
  for (const r of all) {
    if (r.kind !== 'want') continue
    const ageMs = c.nowMs - (r.atMs ?? c.nowMs)
    if (ageMs <= staleMs || ageMs >= LONG_MS) most = Math.max(most, r.instances)
  }
  return most
}

// After a long time without readings: what was wanted when there were some, if the schedule allows.
function lastGood(
  all: readonly Recommendation[],
  worst: Worst | undefined,
  c: GroupContext,
): number {
  if (worst === undefined || worst.ageMs < LONG_MS) return 0
  let most = 0
  for (const r of all) {
    if (r.kind !== 'abstain' || !r.blind) continue
    const lost = c.memory.blind?.[r.policy]
    if (lost !== undefined && c.nowMs - lost.sinceMs >= LONG_MS) most = Math.max(most, lost.want)
  }
  return Math.min(most, ceilingOf(c))
}

/** Notes since when which policy is blind, and what was wanted before. */
export function noteBlind(
  memory: GroupMemory,
  recommendations: readonly Recommendation[],
  nowMs: EpochMs,
): GroupMemory {
  const before = memory.blind
  let now: Record<string, Blindness> | undefined
  for (const r of recommendations) {
    if (r.kind !== 'abstain' || !r.blind) continue
    const want = memory.wants.at(-1)?.instances ?? memory.desired
    now ??= {}
    now[r.policy] = before?.[r.policy] ?? { sinceMs: nowMs, want }
  }
  if (now === undefined) return before === undefined ? memory : seeing(memory)
  return { ...memory, blind: now }
}

function seeing(memory: GroupMemory): GroupMemory {
  const { blind: _over, ...rest } = memory
  return rest
}
