// Traffic through policies, as one document: what each would have cost and missed, beside the
// oracle and the bound.
import { boundHours } from './bound.ts'
import { PLIMSOLL } from './plimsoll.ts'
import type { PolicyMaker } from './policy.ts'
import { gridOf, RIVALS, tunedSetting } from './rivals/field.ts'
import { cheapestWithin, costOf, type Point } from './score/cost.ts'
import type { Score } from './score/tally.ts'
import { bestOracle } from './tune.ts'
import { runPolicy } from './world/run.ts'
import type { World } from './world/world.ts'

/** Percent of requests that may be late where policies are compared at equal SLO. */
export const EQUAL_SLO_PERCENT = 0.1

/** As documented; at the one setting that the benchmark found best; or the best for this trace. */
export type Variant = 'default' | 'tuned' | 'hindsight'

/** One policy's figures; names as in the JSON document. */
export interface BacktestPolicy {
  readonly name: string
  readonly variant: Variant
  readonly slo_violation_percent: number
  readonly instance_hours: number
  /** Hours to the oracle's, and one percent of violations costs as much as the fleet. */
  readonly cost: number
  readonly starts: number
  readonly longest_violation_s: number
}

/** What a backtest found, without what it was about. */
export interface BacktestResult {
  readonly policies: readonly BacktestPolicy[]
  readonly oracle_instance_hours: number
  readonly bound_instance_hours: number
  readonly at_equal_slo: {
    readonly violation_percent: number
    /** Null where no rival holds the SLO at any setting. */
    readonly best_rival: string | null
    readonly best_rival_instance_hours: number | null
    /** Null where Plimsoll does not. */
    readonly plimsoll_instance_hours: number | null
    readonly ratio: number | null
  }
}

/** What can be backtested, Plimsoll first. */
export function policyNames(): readonly string[] {
  return [...PLIMSOLL.map((v) => v.name), ...RIVALS.map((r) => r.name)]
}

interface Candidate {
  readonly name: string
  readonly variant: Variant
  readonly isOurs: boolean
  readonly makes: readonly PolicyMaker[]
}

/** Runs the named policies; `progress` is told the share that is done, 0 to 1. */
export function backtest(
  world: World,
  names: readonly string[],
  progress: (share: number) => void,
): BacktestResult {
  const candidates = candidatesFor(names)
  const total = candidates.reduce((sum, { makes }) => sum + makes.length, 1)
  const oracle = bestOracle(world, EQUAL_SLO_PERCENT)
  let done = 1
  const ran = candidates.map((candidate) => {
    const scores = candidate.makes.map((make) => {
      const score = runPolicy(world, make)
      done += 1
      progress(done / total)
      return score
    })
    return { ...candidate, scores }
  })
  const policies = ran.map(({ name, variant, scores }) => {
    const best = bestScore(scores, oracle.instanceHours)
    return rowOf(name, variant, best, oracle.instanceHours)
  })
  return {
    policies,
    oracle_instance_hours: oracle.instanceHours,
    bound_instance_hours: boundHours(world),
    at_equal_slo: equalSlo(ran),
  }
}

function candidatesFor(names: readonly string[]): readonly Candidate[] {
  const ours = PLIMSOLL.filter((v) => names.includes(v.name)).flatMap(
    ({ name, defaults, front }): Candidate[] => [
      { name, variant: 'default', isOurs: true, makes: [defaults] },
      { name, variant: 'hindsight', isOurs: true, makes: front.map((f) => f.make) },
    ],
  )
  const rivals = RIVALS.filter((r) => names.includes(r.name)).flatMap((rival): Candidate[] => {
    const { name, defaults, tuned } = rival
    const makes = gridOf(rival).map(tuned)
    return [
      { name, variant: 'default', isOurs: false, makes: [defaults] },
      { name, variant: 'tuned', isOurs: false, makes: [tuned(tunedSetting(rival))] },
      { name, variant: 'hindsight', isOurs: false, makes },
    ]
  })
  return [...ours, ...rivals]
}

// Hindsight takes the setting of the least cost.
function bestScore(scores: readonly Score[], oracleHours: number): Score {
  const sorted = scores.toSorted((a, b) => costOf(a, oracleHours) - costOf(b, oracleHours))
  const best = sorted[0]
  if (best === undefined) throw new Error('a policy without a setting')
  return best
}

function rowOf(name: string, variant: Variant, score: Score, oracleHours: number): BacktestPolicy {
  return {
    name,
    variant,
    slo_violation_percent: score.violationPercent,
    instance_hours: score.instanceHours,
    cost: costOf(score, oracleHours),
    starts: score.starts,
    longest_violation_s: score.longestViolationS,
  }
}

function equalSlo(
  ran: readonly (Candidate & { readonly scores: readonly Score[] })[],
): BacktestResult['at_equal_slo'] {
  const points = ran.flatMap(({ name, isOurs, scores }) =>
    scores.map((score): Point & { name: string; isOurs: boolean } => ({ ...score, name, isOurs })),
  )
  const within = (isOurs: boolean) =>
    cheapestWithin(
      points.filter((p) => p.isOurs === isOurs),
      EQUAL_SLO_PERCENT,
    )
  const [ours, theirs] = [within(true), within(false)]
  const isBoth = ours !== undefined && theirs !== undefined
  return {
    violation_percent: EQUAL_SLO_PERCENT,
    best_rival: theirs?.name ?? null,
    best_rival_instance_hours: theirs?.instanceHours ?? null,
    plimsoll_instance_hours: ours?.instanceHours ?? null,
    ratio: isBoth ? ours.instanceHours / theirs.instanceHours : null,
  }
}
