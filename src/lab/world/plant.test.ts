// The plant by hand: who is late, what is billed, and that a seed is a seed.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { PolicyMaker } from '../policy.ts'
import { synthetic } from '../traffic/synthetic.ts'
import { lateShare, Plant } from './plant.ts'
import { runPolicy } from './run.ts'
import { type World, worldOf } from './world.ts'

const SURE = { bootS: 10, bootCv: 0, bootFailRatio: 0, drainS: 5, startInstances: 1 }

function worldWith(rps: readonly number[], change: Partial<World> = {}): World {
  return worldOf(Float64Array.from(rps), { ...SURE, maxInstances: 10, ...change })
}

const wanting =
  (wanted: (nowS: number) => number): PolicyMaker =>
  () => ({
    pipeline: { periodS: 1, lagS: 0 },
    everyS: 1,
    decide: ({ nowS }) => wanted(nowS),
  })

test('who waits too long: those that find more before them than is served in time', () => {
  // Grows from 0 to 25 within the second, and 12.5 are served in time: the second half is late.
  assert.equal(lateShare(0, 25, 12.5), 0.5)
  assert.equal(lateShare(0, 12.5, 12.5), 0)
  assert.equal(lateShare(20, 5, 12.5), 1)
  // Falls from 37.5 to 0: the first two thirds find more than 12.5.
  assert.equal(lateShare(37.5, -37.5, 12.5), 2 / 3)
  assert.equal(lateShare(20, 0, 12.5), 1)
  assert.equal(lateShare(12.5, 0, 12.5), 0)
})

test('a queue carries over, and nobody is served twice', () => {
  const plant = new Plant(worldWith([]))
  plant.step(80)
  assert.equal(plant.queue, 30)
  assert.equal(plant.servedBetween(0, 1), 50)
  plant.step(0)
  assert.equal(plant.queue, 0)
  assert.equal(plant.servedBetween(0, 2), 80)
  assert.equal(plant.arrivedBetween(0, 2), 80)
})

test('an instance serves one boot later, and is billed from request to the end of its drain', () => {
  const plant = new Plant(worldWith([]))
  plant.step(0)
  plant.scaleTo(2)
  assert.equal(plant.billed, 2)
  for (let i = 0; i < 10; i += 1) plant.step(0)
  assert.equal(plant.ready, 1)
  plant.step(0)
  assert.equal(plant.ready, 2)
  plant.scaleTo(1)
  assert.equal(plant.ready, 1)
  for (let i = 0; i < 5; i += 1) {
    assert.equal(plant.billed, 2)
    plant.step(0)
  }
  plant.step(0)
  assert.equal(plant.billed, 1)
})

test('what boots leaves first, at once', () => {
  const plant = new Plant(worldWith([]))
  plant.scaleTo(3)
  plant.scaleTo(2)
  assert.deepEqual([plant.ready, plant.booting, plant.billed], [1, 1, 2])
})

test('a boot that fails takes as long again', () => {
  const plant = new Plant(worldWith([], { bootFailRatio: 1 }))
  plant.scaleTo(2)
  for (let i = 0; i < 20; i += 1) plant.step(0)
  assert.equal(plant.ready, 1)
  plant.step(0)
  assert.equal(plant.ready, 2)
})

test('worked by hand: violations and hours of a step up', () => {
  // 100 requests a second on one instance until the second one serves, ten seconds later.
  const rps = [...Array.from({ length: 5 }, () => 25), ...Array.from({ length: 31 }, () => 100)]
  const score = runPolicy(
    worldWith(rps),
    wanting((nowS) => (nowS >= 6 ? 2 : 1)),
  )
  assert.equal(score.starts, 1)
  // 36 seconds of one, and 30 of the other, which was asked for after the sixth second.
  assert.equal(score.instanceHours, (36 + 30) / 3_600)
  // Late from the first quarter of the sixth second on; the queue never goes down again.
  assert.ok(Math.abs(score.violationPercent - (100 * 30.75 * 100) / 3_225) < 1e-9)
  assert.equal(score.longestViolationS, 31)
})

test('the same seed gives the same figures, another one others', () => {
  const { rps } = synthetic('bursts', { seconds: 7_200, peakRps: 400, seed: 3 })
  const reactive: PolicyMaker = () => ({
    pipeline: { periodS: 5, lagS: 5 },
    everyS: 5,
    decide: (seen) => Math.ceil(seen.rps(5) / 35),
  })
  const once = runPolicy(worldOf(rps, { seed: 7 }), reactive)
  assert.deepEqual(runPolicy(worldOf(rps, { seed: 7 }), reactive), once)
  assert.notDeepEqual(runPolicy(worldOf(rps, { seed: 8 }), reactive), once)
})

test('a policy sees only what its pipeline has published', () => {
  const seen: number[] = []
  const late: PolicyMaker = () => ({
    pipeline: { periodS: 10, lagS: 5 },
    everyS: 1,
    decide: (view) => {
      seen.push(view.rps(10))
      return Number.NaN
    },
  })
  runPolicy(worldWith([...Array.from({ length: 10 }, () => 7), ...Array(10).fill(9)]), late)
  assert.ok(Number.isNaN(seen[13]))
  assert.equal(seen[14], 7)
  assert.equal(seen[19], 7)
})
