// The claims by hand, over two worlds that were made up.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { documentOf } from '../policy.ts'
import type { Entry, Measured, Result } from './measure.ts'
import {
  bestOfEach,
  hindsight,
  hoursToOracle,
  mostMet,
  oursAtDefaults,
  rivalsAtOneSetting,
  spread,
} from './summaries.ts'

function entry(violationPercent: number, instanceHours: number, setting = 'a'): Entry {
  const rest = { seconds: 1, requests: 1, violationMinutesPercent: 0, longestViolationS: 0 }
  const score = { ...rest, recoverS: 0, starts: 0, violationPercent, instanceHours }
  return { ...score, setting, isOnEdge: false }
}

const EVEN = {
  underAccuracy: 0,
  overAccuracy: 0,
  underTime: 0,
  overTime: 0,
  instability: 0,
  jitterPerHour: 0,
  deviation: 0,
}

function measured(policy: string, defaults: Entry, grid: readonly Entry[]): Measured {
  return { policy, defaults: { ...defaults, elasticity: EVEN }, grid }
}

function result(name: string, ours: Entry, rival: readonly Entry[], serves = true): Result {
  const world = { name, trace: name, fleet: 5, multiplier: 1 }
  const setting = { target: 1, aheadS: 45, smoothS: 1, holdS: 0 }
  const oracle = { ...entry(0, 10), setting, serves }
  const rivals = [measured('hpa', entry(0, 20), rival)]
  const own = measured('plimsoll', ours, [ours])
  return { world, seconds: 1, oracle, boundHours: 8, rivals, ours: own }
}

const RESULTS = [
  result('calm', entry(0, 12), [entry(0, 20, 'low'), entry(0.1, 11, 'high')]),
  result('wild', entry(1, 10), [entry(0.05, 30, 'low'), entry(9, 10, 'high')]),
  result('beyond', entry(50, 1), [entry(50, 1, 'low'), entry(50, 1, 'high')], false),
]

test('cost at one setting, without what nobody could serve', () => {
  // 1.2 and 1 + 1; theirs 2 and 3.05, or 1.2 and 10.
  assert.ok(Math.abs(oursAtDefaults(RESULTS, 1).cost - Math.sqrt(1.2 * 2)) < 1e-12)
  const [best] = bestOfEach(rivalsAtOneSetting(RESULTS, 1))
  assert.equal(best?.setting, 'low')
  assert.ok(Math.abs((best?.cost ?? 0) - Math.sqrt(2 * 3.05)) < 1e-12)
})

test('worlds within the SLO, against rivals that take no more hours', () => {
  const ours = oursAtDefaults(RESULTS, 1)
  assert.equal(ours.met, 1)
  // `low` meets both and takes more hours.
  assert.equal(mostMet(ours, rivalsAtOneSetting(RESULTS, 1))?.setting, 'high')
})

test('with hindsight: world by world, a missed one counts twice their hours', () => {
  const rows = hindsight(RESULTS)
  assert.deepEqual(
    rows.map((r) => r.ratio),
    [12 / 11, 2],
  )
  assert.equal(spread(rows).worst, 2)
  assert.ok(Math.abs(hoursToOracle(RESULTS) - Math.sqrt(1.2 * 2)) < 1e-12)
})

test('the document names its rows as the claims do, and says who was left out', () => {
  const { rows, notes } = documentOf(RESULTS, { share: 1, seed: 1 })
  assert.deepEqual(
    rows.slice(0, 7).map((r) => r.name),
    [
      'cost, one setting',
      'cost, one setting, weight 0.3 %',
      'cost, one setting, weight 3 %',
      'SLO met',
      'hours at equal SLO, hindsight, median',
      'hours at equal SLO, hindsight, worst',
      'hours to oracle',
    ],
  )
  assert.ok(notes.some((note) => note.includes('left out: beyond')))
})
