// The figures by hand.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { cheapestWithin, costOf, geometricMean, paretoFront } from './cost.ts'
import { elasticityOf } from './elasticity.ts'
import { Tally } from './tally.ts'

test('a run is added up by request and by minute, with its longest violation and recovery', () => {
  const tally = new Tally()
  const late = new Set([10, 11, 12, 20, 130])
  for (let t = 0; t < 180; t += 1) tally.add(100, late.has(t) ? 50 : 0, 2)
  const score = tally.score(3)
  assert.equal(score.requests, 18_000)
  assert.equal(score.violationPercent, (100 * 250) / 18_000)
  // The first minute; in the third less than one in a hundred was late.
  assert.equal(score.violationMinutesPercent, 100 / 3)
  assert.equal(score.instanceHours, 0.1)
  assert.equal(score.longestViolationS, 3)
  // From 10 to 20, with too little calm between, and one second later on.
  assert.equal(score.recoverS, (11 + 1) / 2)
  assert.equal(score.starts, 3)
})

test('a second with one late request in a thousand is no violation, but its request counts', () => {
  const tally = new Tally()
  tally.add(1_000, 1, 1)
  const score = tally.score(0)
  assert.equal(score.longestViolationS, 0)
  assert.equal(score.violationPercent, 0.1)
})

test('no traffic is no violation', () => {
  const tally = new Tally()
  for (let t = 0; t < 120; t += 1) tally.add(0, 0, 1)
  assert.equal(tally.score(0).violationPercent, 0)
  assert.equal(tally.score(0).violationMinutesPercent, 0)
})

test('cost: hours to the oracle, and violations up to ten', () => {
  const point = { instanceHours: 30, violationPercent: 1.5 }
  assert.equal(costOf(point, 20), 3)
  assert.equal(costOf(point, 20, 0.3), 6.5)
  assert.equal(costOf({ ...point, violationPercent: 60 }, 20), 11.5)
  assert.ok(Math.abs(geometricMean([1, 4]) - 2) < 1e-12)
})

test('the front keeps whom nobody beats; the cheapest is looked for among those who hold', () => {
  const points = [
    { violationPercent: 0, instanceHours: 10 },
    { violationPercent: 0.05, instanceHours: 12 },
    { violationPercent: 0.1, instanceHours: 8 },
    { violationPercent: 1, instanceHours: 4 },
  ]
  assert.deepEqual(
    paretoFront(points).map((p) => p.instanceHours),
    [10, 8, 4],
  )
  assert.equal(cheapestWithin(points, 0.1)?.instanceHours, 8)
  assert.equal(cheapestWithin(points, -1), undefined)
})

test('elasticity: too few, too many, and moves that the demand did not make', () => {
  const perfect = elasticityOf([1, 2, 2], [1, 2, 2])
  assert.equal(perfect.deviation, 0)
  const { underAccuracy, overAccuracy, underTime, overTime, instability, jitterPerHour } =
    elasticityOf([2, 4, 4, 2, 2], [2, 2, 4, 4, 2])
  assert.equal(underAccuracy, 10)
  assert.equal(overAccuracy, 20)
  assert.equal(underTime, 20)
  assert.equal(overTime, 20)
  assert.equal(instability, 100)
  assert.equal(jitterPerHour, 0)
})
