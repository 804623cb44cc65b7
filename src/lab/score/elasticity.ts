// The elasticity metrics of the SPEC Research Group (Herbst et al., SPEC-RG-2016-01): how supply
// followed demand. Demand and supply are instances by second.

/** Percentages of the time, but for jitter: adaptations per hour beyond the demand's own. */
export interface Elasticity {
  /** θU, θO: missing and spare instances, relative to the demand. */
  readonly underAccuracy: number
  readonly overAccuracy: number
  /** τU, τO: time with too few and too many. */
  readonly underTime: number
  readonly overTime: number
  /** υ: time in which supply and demand move differently. */
  readonly instability: number
  readonly jitterPerHour: number
  /** σ: distance to the ideal of (θ, τ, υ), each side weighing half, exponent 2. */
  readonly deviation: number
}

/** Compares what was supplied with what was needed; both are as long, needs are above zero. */
export function elasticityOf(demand: ArrayLike<number>, supply: ArrayLike<number>): Elasticity {
  const seconds = demand.length
  let [underAccuracy, overAccuracy, underTime, overTime, instability, moves] = [0, 0, 0, 0, 0, 0]
  for (let t = 0; t < seconds; t += 1) {
    const [need, have] = [demand[t] ?? 0, supply[t] ?? 0]
    if (have < need) {
      underTime += 1
      underAccuracy += (need - have) / need
    } else if (have > need) {
      overTime += 1
      overAccuracy += (have - need) / need
    }
    if (t === 0) continue
    const needMove = Math.sign(need - (demand[t - 1] ?? 0))
    const haveMove = Math.sign(have - (supply[t - 1] ?? 0))
    if (needMove !== haveMove) instability += 1
    moves += Math.abs(haveMove) - Math.abs(needMove)
  }
  const percent = (part: number, of = seconds) => (of > 0 ? (100 * part) / of : 0)
  const shares = {
    underAccuracy: percent(underAccuracy),
    overAccuracy: percent(overAccuracy),
    underTime: percent(underTime),
    overTime: percent(overTime),
    instability: percent(instability, seconds - 1),
  }
  const jitterPerHour = seconds > 0 ? (3_600 * moves) / seconds : 0
  return { ...shares, jitterPerHour, deviation: deviationOf(shares) }
}

function deviationOf(shares: Omit<Elasticity, 'jitterPerHour' | 'deviation'>): number {
  const accuracy = (shares.underAccuracy + shares.overAccuracy) / 2
  const time = (shares.underTime + shares.overTime) / 2
  return Math.hypot(accuracy, time, shares.instability)
}
