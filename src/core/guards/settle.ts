// The guard `settle`: scale-in waits until fewer were wanted for a whole window.
import { settleMsOf } from '../capacity/settle.ts'
import { type GroupContext, round1 } from '../context.ts'
import type { Adjustment, Recommendation } from '../model.ts'
import { adjust } from './adjust.ts'

/** The largest want of the window stands (the HPA's scale-down stabilization does the same). */
export function settle(
  wanted: number,
  c: GroupContext,
  recommendations: readonly Recommendation[],
): Adjustment | undefined {
  if (wanted >= c.current) return undefined
  // How busy the others are says little while some start; what arrives does not depend on them.
  const isMeasured = recommendations.some((r) => r.kind === 'want' && r.policy === 'demand')
  if (c.starting.length > 0 && !isMeasured)
    return adjust('settle', wanted, c.current, () => 'instances are still starting')
  const settleMs = settleMsOf(c.group, c.memory)
  const since = c.nowMs - settleMs
  const oldest = c.memory.wants[0]
  const seconds = () => round1(settleMs / 1000)
  if (oldest === undefined || oldest.atMs > since) {
    const reason = () => `fewer were not yet wanted for ${seconds()} s`
    return adjust('settle', wanted, c.current, reason)
  }
  let most = wanted
  for (const want of c.memory.wants) {
    if (want.atMs >= since && want.instances > most) most = want.instances
  }
  const to = Math.min(c.current, most)
  return adjust('settle', wanted, to, () => {
    return `${to} were still wanted within the last ${seconds()} s`
  })
}
