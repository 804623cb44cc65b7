// EC2 Auto Scaling's step scaling: a table of adjustments by how far a metric is beyond its
// threshold. docs.aws.amazon.com/autoscaling/ec2/userguide/as-scaling-simple-step.html
import type { LabPolicy, PolicyMaker, Rival, Seen, Setting } from '../policy.ts'
import { Alarm, SHORTEST_WARMUP_S, WARMUP_S, warmOnes } from './aws-target.ts'

/** Percent of the capacity, for a breach within bounds relative to the threshold. */
export interface StepAdjustment {
  readonly lower?: number
  readonly upper?: number
  readonly percent: number
}

/** The step for a breach. Above the threshold lower bounds are inclusive, below it upper ones. */
export function stepFor(breach: number, steps: readonly StepAdjustment[]): number {
  const found = steps.find(({ lower = -Infinity, upper = Infinity }) =>
    breach >= 0 ? breach >= lower && breach < upper : breach > lower && breach <= upper,
  )
  return found?.percent ?? 0
}

/** Instances to add or remove for a percentage, rounded as AWS does. */
export function adjustmentOf(capacity: number, percent: number): number {
  const exact = Math.round(capacity * percent * 1e7) / 1e9
  if (exact > 0 && exact < 1) return 1
  if (exact < 0 && exact > -1) return -1
  return Math.trunc(exact)
}

const PERIOD_S = 60
const LAG_S = 60
const HIGH_POINTS = 3
const GAP = 0.3
const OUT: readonly StepAdjustment[] = [
  { lower: 0, upper: 10, percent: 10 },
  { lower: 10, upper: 20, percent: 30 },
  { lower: 20, percent: 50 },
]
const IN: readonly StepAdjustment[] = [
  { lower: -10, upper: 0, percent: -10 },
  { upper: -10, percent: -30 },
]

function policy({ target, settleS }: Setting, warmupS: number): LabPolicy {
  const lowAt = target * (1 - GAP)
  const high = new Alarm(HIGH_POINTS, (value) => value >= target)
  const low = new Alarm(Math.max(1, Math.round(settleS / PERIOD_S)), (value) => value <= lowAt)
  const decide = (seen: Seen): number => {
    const metric = seen.busy(PERIOD_S)
    const [isHigh, isLow] = [high.take(metric), low.take(metric)]
    const warm = warmOnes(seen, warmupS)
    if (isHigh) {
      const percent = stepFor((metric - target) * 100, OUT)
      // Instances that warm up count towards a step that is asked for again.
      return Math.max(seen.wanted, warm + adjustmentOf(warm, percent))
    }
    if (!isLow || warm < seen.wanted) return Number.NaN
    low.reset()
    return seen.wanted + adjustmentOf(seen.wanted, stepFor((metric - lowAt) * 100, IN))
  }
  return { pipeline: { periodS: PERIOD_S, lagS: LAG_S }, everyS: PERIOD_S, decide }
}

const defaults: PolicyMaker = () => policy({ target: 0.7, settleS: 900 }, WARMUP_S)

/** Step scaling on CPU; the table is the user's, this one follows the guide's pattern. */
export const awsStep: Rival = {
  name: 'aws-step',
  defaults,
  tuned: (setting) => () => policy(setting, SHORTEST_WARMUP_S),
  settles: true,
}
