// The guard `projection`: no scale-in that would at once be taken back. Each policy is asked again
// as if only those were there that would remain.
import { type GroupContext, numberOf, round1 } from '../context.ts'
import type { Adjustment, Reading, Recommendation } from '../model.ts'
import { POLICIES } from '../policies/list.ts'
import { adjust } from './adjust.ts'
import { ceilingOf } from './schedule.ts'

/** So many numbers are tried at most; where none of them holds, nothing is scaled in. */
const MOST_TRIES = 64
/** For so long a load per instance at which the SLO was missed counts. */
const MISSED_MS = 15 * 60_000

/** The smallest number that no policy would want to leave upwards again. */
export function projection(
  wanted: number,
  c: GroupContext,
  recommendations: readonly Recommendation[],
): Adjustment | undefined {
  if (wanted >= c.current) return undefined
  const first = objection(wanted, c, recommendations)
  if (first === undefined) return undefined
  return adjust('projection', wanted, smallest(wanted + 1, c, recommendations), () => {
    return `with ${wanted}, ${first}`
  })
}

function smallest(from: number, c: GroupContext, recommendations: readonly Recommendation[]) {
  const end = Math.min(c.current, from + MOST_TRIES)
  for (let n = from; n < end; n++) {
    if (objection(n, c, recommendations) === undefined) return n
  }
  return c.current
}

// Why `n` would not be enough, or undefined where all agree. Only those are asked who have spoken.
function objection(
  n: number,
  c: GroupContext,
  recommendations: readonly Recommendation[],
): string | undefined {
  // What may not be is not wanted again.
  if (n >= Math.min(ceilingOf(c), c.group.scaling.maxInstances)) return undefined
  const remaining = projected(n, c)
  for (const policy of POLICIES) {
    for (const again of policy(remaining)) {
      if (again.kind !== 'want' || again.instances <= n) continue
      if (!recommendations.some((r) => r.policy === again.policy)) continue
      return `${again.policy} would want ${again.instances} again: ${again.reason}`
    }
  }
  return missedBefore(n, c)
}

// What was carried stays the same, and is spread over fewer.
function projected(n: number, c: GroupContext): GroupContext {
  const ready = c.ready.length > n ? c.ready.slice(0, n) : c.ready
  const { readings } = c.seen
  const share = ready.length === 0 ? 1 : c.ready.length / ready.length
  const cpuPercent = scaled(readings.cpuPercent, share)
  const seen = { ...c.seen, readings: { ...readings, cpuPercent } }
  return { ...c, seen, current: n, ready, starting: [] }
}

function scaled(reading: Reading, by: number): Reading {
  return reading.kind === 'missing' ? reading : { ...reading, value: reading.value * by }
}

// The latency of fewer can't be computed; the load per instance at which it was missed is known.
function missedBefore(n: number, c: GroupContext): string | undefined {
  const step = c.memory.latencyStep
  const rps = numberOf(c.seen.readings.rps)
  if (step?.from === undefined || step.from === 0 || rps === undefined) return undefined
  if (c.nowMs - step.atMs > MISSED_MS || rps * step.from < step.rps * n) return undefined
  const each = n === 0 ? 'all' : `${round1(rps / n)}`
  return `each would carry ${each} requests/s, and p99 was ${Math.round(step.p99Ms)} ms at ${round1(step.rps / step.from)}`
}
