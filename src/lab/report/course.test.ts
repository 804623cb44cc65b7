// Courses: the columns add up to what the run was scored by.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { PolicyMaker } from '../policy.ts'
import { synthetic } from '../traffic/synthetic.ts'
import { runPolicy } from '../world/run.ts'
import { worldOf } from '../world/world.ts'
import { courseOf, trafficCourse } from './course.ts'

const world = worldOf(synthetic('flash', { seconds: 1_999, peakRps: 400, seed: 4 }).rps)
const following: PolicyMaker = () => ({
  pipeline: { periodS: 5, lagS: 5 },
  everyS: 5,
  decide: (seen) => Math.ceil(seen.rps(5) / 40),
})

test('late requests by column are all late requests of the run', () => {
  const { late, supply } = courseOf(world, following)
  const score = runPolicy(world, following)
  const sum = late.reduce((total, n) => total + n, 0)
  assert.ok(sum > 0)
  assert.ok(Math.abs((100 * sum) / score.requests - score.violationPercent) < 1e-9)
  assert.equal(supply.length, late.length)
})

test('the last column may be shorter, and means are of what it holds', () => {
  const { columnS, seconds, mean, most } = trafficCourse(world)
  assert.equal(columnS, 5)
  assert.equal(mean.length, 400)
  const last = world.arrivals.subarray(1_995)
  assert.equal(mean.at(-1), last.reduce((sum, n) => sum + n, 0) / 4)
  assert.equal(most.at(-1), Math.max(...last))
  assert.equal(seconds, 1_999)
  const steady: PolicyMaker = () => ({ ...following(world), decide: () => Number.NaN })
  const { supply } = courseOf(world, steady)
  const ready = world.startInstances * world.capacityRps
  assert.ok(supply.every((rps) => Math.abs(rps - ready) < 1e-6))
})
