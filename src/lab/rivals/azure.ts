// Azure Monitor autoscale for scale sets: one instance out or in per cooldown, and no scale-in
// that the rules would undo. learn.microsoft.com/azure/azure-monitor/autoscale
import type { LabPolicy, PolicyMaker, Rival, Seen, Setting } from '../policy.ts'

const EVERY_S = 45
const GRAIN_S = 60
const WINDOW_S = 600
const COOLDOWN_S = 300
/** Where the portal's example rules lie: out above 75 percent, in below a third of that. */
const DEFAULT_OUT = 0.75
const IN_SHARE = 1 / 3

/** Two rules on one metric. */
export interface AzureRules {
  readonly outAbove: number
  readonly inBelow: number
}

/** Instances after one evaluation outside of cooldowns. */
export function evaluate(instances: number, metric: number, rules: AzureRules): number {
  if (metric > rules.outAbove) return instances + 1
  if (!(metric < rules.inBelow) || instances <= 1) return instances
  return wouldFlap(instances, metric, rules) ? instances : instances - 1
}

/** Whether the load on one instance fewer would at once be a reason to scale out. */
export function wouldFlap(instances: number, metric: number, rules: AzureRules): boolean {
  return (metric * instances) / (instances - 1) >= rules.outAbove
}

function policy(rules: AzureRules, cooldownS: number): LabPolicy {
  let readyAtS = 0
  const decide = (seen: Seen): number => {
    const metric = seen.busy(WINDOW_S)
    if (Number.isNaN(metric) || seen.nowS < readyAtS) return Number.NaN
    const wanted = evaluate(seen.wanted, metric, rules)
    if (wanted !== seen.wanted) readyAtS = seen.nowS + cooldownS
    return wanted
  }
  return { pipeline: { periodS: GRAIN_S, lagS: GRAIN_S }, everyS: EVERY_S, decide }
}

const rulesOf = (target: number): AzureRules => ({ outAbove: target, inBelow: target * IN_SHARE })

const tuned =
  ({ target, settleS }: Setting): PolicyMaker =>
  () =>
    policy({ outAbove: target, inBelow: target * 0.8 }, settleS)

/** A scale set on CPU; the settle knob is the cooldown, and tuned rules lie closer together. */
export const azure: Rival = {
  name: 'azure',
  defaults: () => policy(rulesOf(DEFAULT_OUT), COOLDOWN_S),
  tuned,
  settles: true,
}
