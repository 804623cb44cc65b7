// EC2 Auto Scaling's target tracking. The alarms: 3 of 3 minutes above the target, 15 of 15 below
// nine tenths of it; the capacity formula is not published, proportional is inferred.
// docs.aws.amazon.com/autoscaling/ec2/userguide/as-scaling-target-tracking.html
import type { LabPolicy, PolicyMaker, Rival, Seen, Setting } from '../policy.ts'

const PERIOD_S = 60
const HIGH_POINTS = 3
const LOW_SHARE = 0.9
/** CloudWatch shows a minute about one minute after it ended. */
const LAG_S = 60
/** Instances count as warming for this long unless a warm-up is set. */
export const WARMUP_S = 300
/** The shortest warm-up that still keeps the metric's own delay from being counted twice. */
export const SHORTEST_WARMUP_S = PERIOD_S + LAG_S
const DEFAULT_TARGET = 0.5
const DEFAULT_SETTLE_S = 900

/** The capacity that brings `metric` to `target`; scale-in removes whole instances only. */
export function trackedCapacity(capacity: number, metric: number, target: number): number {
  return Math.ceil((capacity * metric) / target - 1e-9)
}

/** A metric alarm: so many points in a row beyond a threshold. */
export class Alarm {
  readonly #points: number
  readonly #isBreach: (value: number) => boolean
  #row = 0

  constructor(points: number, isBreach: (value: number) => boolean) {
    this.#points = points
    this.#isBreach = isBreach
  }

  /** Takes the next point and says whether the alarm is on. A missing point breaks the row. */
  take(value: number): boolean {
    this.#row = this.#isBreach(value) ? this.#row + 1 : 0
    return this.#row >= this.#points
  }

  /** Begins to count anew: what was measured before an action says nothing of it. */
  reset(): void {
    this.#row = 0
  }
}

/** Instances that are past their warm-up, which begins when they are ready. */
export function warmOnes(seen: Seen, warmupS: number): number {
  let count = 0
  for (const { readyAtS } of seen.instances('ready')) {
    if (readyAtS <= 0 || readyAtS + warmupS <= seen.nowS) count += 1
  }
  return count
}

/** Target tracking on CPU; `settleS` is how long the low alarm watches. */
export function targetTracking({ target, settleS }: Setting, warmupS: number): LabPolicy {
  const high = new Alarm(HIGH_POINTS, (value) => value > target)
  const lowPoints = Math.max(1, Math.round(settleS / PERIOD_S))
  const low = new Alarm(lowPoints, (value) => value < target * LOW_SHARE)
  const decide = (seen: Seen): number => {
    const metric = seen.busy(PERIOD_S)
    const [isHigh, isLow] = [high.take(metric), low.take(metric)]
    if (!isHigh && !isLow) return Number.NaN
    // What warms up is no part of the metric, but of the capacity: only a difference is added.
    const warm = warmOnes(seen, warmupS)
    if (isHigh) return Math.max(seen.wanted, trackedCapacity(warm, metric, target))
    if (warm < seen.wanted) return Number.NaN
    low.reset()
    return Math.min(seen.wanted, trackedCapacity(warm, metric, target))
  }
  return { pipeline: { periodS: PERIOD_S, lagS: LAG_S }, everyS: PERIOD_S, decide }
}

const defaults: PolicyMaker = () =>
  targetTracking({ target: DEFAULT_TARGET, settleS: DEFAULT_SETTLE_S }, WARMUP_S)

/** The low alarm can't be edited in AWS; the tuned one is better than what can be bought. */
export const awsTarget: Rival = {
  name: 'aws-target',
  defaults,
  tuned: (setting) => () => targetTracking(setting, SHORTEST_WARMUP_S),
  settles: true,
}
