// Traffic through policies, as one document: what each would have cost and missed, beside the
// oracle and the bound.
import { boundHours } from './bound.ts'
import { oracleGrid } from './oracle.ts'
import { PLIMSOLL } from './plimsoll.ts'
import type { PolicyMaker } from './policy.ts'
import { type Course, courseOf } from './report/course.ts'
import { gridOf, RIVALS, tunedSetting } from './rivals/field.ts'
import { cheapestWithin, costOf, type Point } from './score/cost.ts'
import type { Score } from './score/tally.ts'
import { bestOracle } from './tune.ts'
import { runPolicy } from './world/run.ts'
import type { World } from './world/world.ts'

/** Percent of requests that may be late where nothing else is said. */
const LATE_PERCENT = 0.1

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

/** What may be said of a backtest. */
export interface BacktestOptions {
  /** Percent of requests that may be late: what `plimsoll` is told, and where all are compared. */
  readonly latePercent?: number
  /** Told the share of the runs that is done, 0 to 1, and whose turn it is. */
  readonly progress?: (share: number, whose: string) => void
  /** Given how each row's run went over time. It is run once more for that. */
  readonly onCourse?: (row: BacktestPolicy, course: Course) => void
}

/** The oracle's turn, for `progress`. */
const ORACLE = 'oracle'

/** Runs the named policies. */
export function backtest(
  world: World,
  names: readonly string[],
  options: BacktestOptions = {},
): BacktestResult {
  const { latePercent = LATE_PERCENT, onCourse } = options
  const candidates = candidatesFor(names, latePercent)
  const extra = onCourse === undefined ? 0 : 1
  const runs = candidates.reduce((sum, { makes }) => sum + makes.length + extra, 0)
  const total = runs + oracleGrid(world.bootS).length
  let done = 0
  const tick = (whose: string): void => {
    done += 1
    options.progress?.(done / total, whose)
  }
  const oracle = bestOracle(world, latePercent, () => tick(ORACLE))
  const oracleHours = oracle.instanceHours
  const ran = candidates.map((candidate) => {
    const { name, variant, makes } = candidate
    const whose = `${name} ${variant}`
    const scores = makes.map((make) => {
      const score = runPolicy(world, make)
      tick(whose)
      return score
    })
    const best = cheapest(scores, oracleHours)
    const row = rowOf(candidate, scores[best], oracleHours)
    const make = makes[best]
    if (onCourse !== undefined && make !== undefined) {
      onCourse(row, courseOf(world, make))
      tick(whose)
    }
    return { ...candidate, scores, row }
  })
  return {
    policies: ran.map(({ row }) => row),
    oracle_instance_hours: oracleHours,
    bound_instance_hours: boundHours(world),
    at_equal_slo: equalSlo(ran, latePercent),
  }
}

function candidatesFor(names: readonly string[], latePercent: number): readonly Candidate[] {
  const ours = PLIMSOLL.filter((v) => names.includes(v.name)).flatMap(
    ({ name, defaults, at, front }): Candidate[] => [
      {
        ...{ name, variant: 'default', isOurs: true },
        makes: [at?.(latePercent / 100) ?? defaults],
      },
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
function cheapest(scores: readonly Score[], oracleHours: number): number {
  const costs = scores.map((score) => costOf(score, oracleHours))
  return costs.indexOf(costs.reduce((least, cost) => Math.min(least, cost), costs[0] ?? 0))
}

function rowOf(
  { name, variant }: Candidate,
  score: Score | undefined,
  oracleHours: number,
): BacktestPolicy {
  if (score === undefined) throw new Error('a policy without a setting')
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
  latePercent: number,
): BacktestResult['at_equal_slo'] {
  const points = ran.flatMap(({ name, isOurs, scores }) =>
    scores.map((score): Point & { name: string; isOurs: boolean } => ({ ...score, name, isOurs })),
  )
  const within = (isOurs: boolean) =>
    cheapestWithin(
      points.filter((p) => p.isOurs === isOurs),
      latePercent,
    )
  const [ours, theirs] = [within(true), within(false)]
  const isBoth = ours !== undefined && theirs !== undefined
  return {
    violation_percent: latePercent,
    best_rival: theirs?.name ?? null,
    best_rival_instance_hours: theirs?.instanceHours ?? null,
    plimsoll_instance_hours: ours?.instanceHours ?? null,
    ratio: isBoth ? ours.instanceHours / theirs.instanceHours : null,
  }
}
