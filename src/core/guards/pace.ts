// The guards `step` and `cooldown`: how far at once, and how soon again.
import { type GroupContext, round1 } from '../context.ts'
import type { Adjustment } from '../model.ts'
import { adjust } from './adjust.ts'

/** Out: at most three times as many, or four more. In: at most half of them at a time. */
export function step(wanted: number, c: GroupContext): Adjustment | undefined {
  const most = Math.max(c.current + 4, c.current * 3)
  const least = c.current - Math.max(1, Math.floor(c.current / 2))
  const to = Math.min(most, Math.max(least, wanted))
  return adjust('step', wanted, to, () => {
    return to < wanted ? `at most ${most} in one step` : `at least ${least} stay in one step`
  })
}

/** No further scale-out shortly after one. */
export function cooldown(wanted: number, c: GroupContext): Adjustment | undefined {
  const last = c.memory.scaledOutAtMs
  if (wanted <= c.current || last === undefined) return undefined
  const agoMs = c.nowMs - last
  if (agoMs >= c.group.scaling.cooldownMs) return undefined
  return adjust('cooldown', wanted, c.current, () => {
    return `the last scale-out was ${round1(agoMs / 1000)} s ago`
  })
}
