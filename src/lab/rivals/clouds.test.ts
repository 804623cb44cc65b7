// The clouds' autoscalers, Nomad and static fleets by the worked numbers of their documentation.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { runPolicy } from '../world/run.ts'
import { type World, worldOf } from '../world/world.ts'
import { HourlyForecast } from './aws-predictive.ts'
import { adjustmentOf, stepFor } from './aws-step.ts'
import { Alarm, awsTarget, trackedCapacity } from './aws-target.ts'
import { azure, evaluate, wouldFlap } from './azure.ts'
import { gridOf, isOnEdge, RIVALS } from './field.ts'
import { gce, recommendedSize } from './gce.ts'
import { nomad, targetValue } from './nomad.ts'
import { meanRate, peakRate, staticMean, staticPeak } from './static.ts'

const SURE = { bootCv: 0, bootFailRatio: 0, maxInstances: 20 }

function level(rps: number, seconds: number): number[] {
  return Array.from({ length: seconds }, () => rps)
}

function supplyOf(world: World, make: (typeof awsTarget)['defaults']): Uint32Array {
  const supply = new Uint32Array(world.arrivals.length)
  runPolicy(world, make, { supply })
  return supply
}

// User guide, target tracking: a computed removal of 1.5 instances removes one.
test('AWS target tracking: proportional, and scale-in is rounded to the safe side', () => {
  assert.equal(trackedCapacity(4, 0.75, 0.5), 6)
  assert.equal(trackedCapacity(10, 0.425, 0.5), 9)
})

// The alarms that AWS creates: three points of a minute for out, fifteen for in.
test('AWS target tracking: out after three minutes above, in after fifteen below', () => {
  const alarm = new Alarm(3, (value) => value > 0.5)
  assert.deepEqual(
    [0.6, 0.6, 0.4, 0.6, 0.6, 0.6].map((v) => alarm.take(v)),
    [false, false, false, false, false, true],
  )
  const out = worldOf(Float64Array.from([...level(80, 300), ...level(200, 600)]), {
    ...SURE,
    startInstances: 4,
  })
  const supply = supplyOf(out, awsTarget.defaults)
  // Minutes six, seven and eight are above; seen a minute late, and then a boot.
  assert.equal(supply[540 + 44], 4)
  assert.equal(supply[540 + 45], 8)
  const idle = worldOf(Float64Array.from(level(40, 1_500)), { ...SURE, startInstances: 4 })
  const fewer = supplyOf(idle, awsTarget.defaults)
  assert.equal(fewer[959], 4)
  assert.equal(fewer[960], 2)
  // What was measured with four says nothing of two.
  assert.equal(fewer[1_100], 2)
})

// API reference, StepAdjustment, with a threshold of 50: 0 to 10 is 50 up to 60, and -10 to 0 is
// above 40 up to 50. User guide: 0 to 1 rounds to 1, -1 to 0 to -1, the rest towards zero.
test('AWS step scaling: bounds and rounding', () => {
  const steps = [
    { lower: 0, upper: 10, percent: 10 },
    { lower: 10, percent: 30 },
    { lower: -10, upper: 0, percent: -10 },
    { upper: -10, percent: -30 },
  ]
  assert.deepEqual(
    [50, 59.9, 60, 49, 40.1, 40].map((metric) => stepFor(metric - 50, steps)),
    [10, 10, 30, -10, -10, -30],
  )
  assert.equal(adjustmentOf(10, 10), 1)
  assert.equal(adjustmentOf(5, 10), 1)
  assert.equal(adjustmentOf(5, -10), -1)
  assert.equal(adjustmentOf(11, 30), 3)
  assert.equal(adjustmentOf(12, -30), -3)
})

// User guide, predictive scaling: a day of data at least, forecasts by the hour.
test('AWS predictive scaling: nothing before a day, then the same hour of the days before', () => {
  const hours = new HourlyForecast()
  for (let h = 0; h < 23; h += 1) hours.add(h)
  assert.ok(Number.isNaN(hours.forecast(24)))
  hours.add(23)
  assert.equal(hours.forecast(26), 2)
  for (let h = 0; h < 24; h += 1) hours.add(h + 10)
  assert.equal(hours.forecast(50), 7)
})

// Autoscaler decisions: sized for the peak of the stabilization period, 600 s.
test('GCE: proportional, and as many as the last ten minutes needed', () => {
  assert.equal(recommendedSize(3, 0.8, 0.6), 4)
  const world = worldOf(Float64Array.from([...level(240, 120), ...level(30, 900)]), {
    ...SURE,
    startInstances: 8,
  })
  const supply = supplyOf(world, gce.defaults)
  assert.equal(supply[718], 8)
  assert.equal(supply[781], 1)
})

// Best practices for autoscale: out at 80, in at 60: 60 on three would be 90 on two, 50 is 75. And
// 575 threads on three would be 862.5 on two, above 600.
test('Azure: no scale-in that the rules would undo, and one instance at a time', () => {
  const rules = { outAbove: 80, inBelow: 61 }
  assert.ok(wouldFlap(3, 575, { outAbove: 600, inBelow: 600 }))
  assert.equal(evaluate(3, 60, rules), 3)
  assert.equal(evaluate(3, 50, rules), 2)
  assert.equal(evaluate(2, 81, rules), 3)
  const world = worldOf(Float64Array.from(level(500, 1_000)), { ...SURE, startInstances: 2 })
  const supply = supplyOf(world, azure.defaults)
  // A first step, and the next one a cooldown of five minutes later.
  assert.equal(supply[494], 3)
  assert.equal(supply[496], 4)
})

// target-value: count times the factor, rounded up, and nothing within a hundredth.
test('Nomad: the last sample by the target, then five minutes of silence', () => {
  assert.equal(targetValue(3, 1.4, 0.7), 6)
  assert.equal(targetValue(10, 0.706, 0.7), 10)
  assert.equal(targetValue(10, 0.71, 0.7), 11)
  assert.equal(targetValue(0, 0.7, 0.7), 1)
  const world = worldOf(Float64Array.from(level(500, 700)), { ...SURE, startInstances: 2 })
  const supply = supplyOf(world, nomad.defaults)
  assert.equal(supply[300], 3)
  assert.equal(supply[380], 5)
})

test('static fleets are as large as the peak or the mean needs', () => {
  const world = worldOf(Float64Array.from([...level(100, 500), ...level(400, 500)]), SURE)
  assert.equal(peakRate(world), 400)
  assert.equal(meanRate(world), 250)
  assert.equal(supplyOf(world, staticPeak.defaults)[900], 8)
  assert.equal(supplyOf(world, staticMean.tuned({ target: 0.5, settleS: 0 }))[900], 10)
})

test('every rival runs at every setting, and never leaves the bounds', () => {
  const rps = [...level(20, 200), ...level(900, 200), ...level(0, 200)]
  const world = worldOf(Float64Array.from(rps), { minInstances: 2 })
  for (const rival of RIVALS) {
    for (const make of [rival.defaults, ...gridOf(rival).slice(0, 20).map(rival.tuned)]) {
      const supply = supplyOf(world, make)
      assert.ok(
        supply.every((n) => n >= 2 && n <= world.maxInstances),
        rival.name,
      )
    }
  }
})

test('targets run from 20 to 95 percent; the ends and the longest hold are edges', () => {
  const [first] = RIVALS
  assert.ok(first !== undefined)
  assert.equal(gridOf(first).length, 16 * 7)
  assert.ok(isOnEdge(first, { target: 0.2, settleS: 60 }))
  assert.ok(isOnEdge(first, { target: 0.5, settleS: 3_600 }))
  assert.ok(!isOnEdge(first, { target: 0.5, settleS: 0 }))
})
