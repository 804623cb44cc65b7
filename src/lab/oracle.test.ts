// What the references know, and that they use it.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { boundHours } from './bound.ts'
import { needAhead, oraclePolicy, perfectReactive } from './oracle.ts'
import { synthetic } from './traffic/synthetic.ts'
import { bestOracle } from './tune.ts'
import { runPolicy } from './world/run.ts'
import { worldOf } from './world/world.ts'

const SURE = { bootCv: 0, bootFailRatio: 0 }
const STEP = Float64Array.from({ length: 400 }, (_, t) => (t < 200 ? 50 : 500))

test('the oracle sees what is coming, and nothing beyond', () => {
  const need = needAhead(worldOf(STEP, SURE), { target: 1, smoothS: 1, aheadS: 45 })
  assert.equal(need[154], 1)
  assert.equal(need[155], 10)
  assert.equal(need[200], 10)
})

test('with boots of one length the oracle misses nothing; who sees only the present does', () => {
  const world = worldOf(STEP, SURE)
  const oracle = runPolicy(world, oraclePolicy({ target: 1, smoothS: 1, aheadS: 46, holdS: 0 }))
  assert.equal(oracle.violationPercent, 0)
  const reactive = runPolicy(world, perfectReactive.tuned({ target: 1, settleS: 0 }))
  // The step is seen a second late, and 45 s pass until the first new one serves.
  assert.equal(reactive.longestViolationS > 45, true)
})

test('bound, then oracle, then whoever sees only the present', () => {
  const { rps } = synthetic('bursts', { seconds: 10_800, peakRps: 600, seed: 5 })
  const world = worldOf(rps)
  const oracle = bestOracle(world, 0.1)
  assert.ok(oracle.serves)
  assert.ok(boundHours(world) < oracle.instanceHours)
  const reactive = runPolicy(world, perfectReactive.defaults)
  assert.ok(reactive.violationPercent > oracle.violationPercent)
})
