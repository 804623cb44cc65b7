// EC2 Auto Scaling's predictive scaling as far as it is published: hourly forecasts from up to 14
// days, applied at the hour, never scaling in, beside target tracking. The model is not published;
// the mean of the same hour on the days before stands in.
// docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-predictive-scaling.html
import type { LabPolicy, Rival, Seen, Setting } from '../policy.ts'
import { SHORTEST_WARMUP_S, targetTracking, WARMUP_S } from './aws-target.ts'

const HOUR_S = 3_600
const DAY_HOURS = 24
const MOST_DAYS = 14
/** Capacity for an hour is there this long before it begins. */
const BUFFER_S = 300

/** Mean rates of the hours that passed, and what they say of an hour to come. */
export class HourlyForecast {
  readonly #hours: number[] = []

  /** The mean rate of the next whole hour that passed. */
  add(rps: number): void {
    this.#hours.push(rps)
  }

  /** Forecast for an hour, counted from the beginning; NaN before a whole day was seen. */
  forecast(hour: number): number {
    if (this.#hours.length < DAY_HOURS) return Number.NaN
    const same: number[] = []
    for (let h = hour - DAY_HOURS; h >= 0 && same.length < MOST_DAYS; h -= DAY_HOURS) {
      const rps = this.#hours[h]
      if (rps !== undefined) same.push(rps)
    }
    return same.reduce((sum, rps) => sum + rps, 0) / same.length
  }
}

function policy(setting: Setting, warmupS: number): LabPolicy {
  const dynamic = targetTracking(setting, warmupS)
  const hours = new HourlyForecast()
  let [sum, points, floor] = [0, 0, 0]
  const decide = (seen: Seen): number => {
    const rps = seen.rps(60)
    if (!Number.isNaN(rps)) {
      sum += rps
      points += 1
    }
    if (seen.nowS % HOUR_S === 0) {
      hours.add(points === 0 ? 0 : sum / points)
      sum = 0
      points = 0
    }
    const ahead = Math.floor((seen.nowS + BUFFER_S) / HOUR_S)
    const now = Math.floor(seen.nowS / HOUR_S)
    const expected = Math.max(zero(hours.forecast(ahead)), zero(hours.forecast(now)))
    floor = Math.ceil(expected / (seen.capacityRps * setting.target) - 1e-9)
    const wanted = dynamic.decide(seen)
    return Math.max(Number.isNaN(wanted) ? seen.wanted : wanted, floor)
  }
  return { ...dynamic, decide }
}

function zero(value: number): number {
  return Number.isNaN(value) ? 0 : value
}

/** Predictive scaling in mode ForecastAndScale with target tracking. */
export const awsPredictive: Rival = {
  name: 'aws-predictive',
  defaults: () => policy({ target: 0.5, settleS: 900 }, WARMUP_S),
  tuned: (setting) => () => policy(setting, SHORTEST_WARMUP_S),
  settles: true,
}
