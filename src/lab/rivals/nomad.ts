// The Nomad Autoscaler with the strategy target-value: the last sample alone, and a cooldown after
// any action. Source: plugins/builtin/strategy/target-value and policy/handler.go.
import type { LabPolicy, PolicyMaker, Rival, Seen, Setting } from '../policy.ts'

const EVERY_S = 10
const COOLDOWN_S = 300
const THRESHOLD = 0.01
/** No target is documented; this one is used throughout its examples. */
const DEFAULT_TARGET = 0.7

/** The count for a metric of a group; unchanged within the threshold of the target. */
export function targetValue(count: number, metric: number, target: number): number {
  const factor = metric / target
  if (count === 0) return Math.ceil(factor - 1e-9)
  if (factor >= 1 - THRESHOLD && factor <= 1 + THRESHOLD) return count
  return Math.ceil(count * factor - 1e-9)
}

function policy({ target, settleS }: Setting): LabPolicy {
  let readyAtS = 0
  const decide = (seen: Seen): number => {
    const metric = seen.busy(EVERY_S)
    if (Number.isNaN(metric) || seen.nowS < readyAtS) return Number.NaN
    // Its policies name bounds; a count of none is never asked for while something runs.
    const wanted = Math.min(seen.max, Math.max(seen.min, targetValue(seen.wanted, metric, target)))
    if (wanted !== seen.wanted) readyAtS = seen.nowS + settleS
    return wanted
  }
  return { pipeline: { periodS: EVERY_S, lagS: 1 }, everyS: EVERY_S, decide }
}

const tuned =
  (setting: Setting): PolicyMaker =>
  () =>
    policy(setting)

/** A group on mean CPU; the settle knob is the cooldown. */
export const nomad: Rival = {
  name: 'nomad',
  defaults: tuned({ target: DEFAULT_TARGET, settleS: COOLDOWN_S }),
  tuned,
  settles: true,
}
