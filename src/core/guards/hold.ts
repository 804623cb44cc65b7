// The guard `hold`: a person wants the number to stay as it is.
import type { GroupContext } from '../context.ts'
import type { Adjustment } from '../model.ts'
import { adjust } from './adjust.ts'

/** Keeps the number in both directions until the hold is over. */
export function hold(wanted: number, c: GroupContext): Adjustment | undefined {
  const held = c.memory.hold
  if (held === undefined || held.untilMs <= c.nowMs) return undefined
  return adjust('hold', wanted, c.current, () => {
    return `held by ${held.by} for another ${Math.ceil((held.untilMs - c.nowMs) / 1000)} s`
  })
}
