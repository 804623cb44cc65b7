// HPA, KEDA and Knative by the worked numbers of their documentation and source.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { runPolicy } from '../world/run.ts'
import { worldOf } from '../world/world.ts'
import { downLimit, hpaCpu, replicasForAverage, replicasForCpu, upLimit } from './hpa.ts'
import { Activation, COOLDOWN_S } from './keda.ts'
import { Kpa } from './kpa.ts'
import { PeakWindow } from './peak-window.ts'

const calm = { measured: 3, unready: 0, current: 3, target: 50 }

// kubernetes.io, "Horizontal Pod Autoscaling", Algorithm details: 200m for a desired 100m doubles,
// 50m halves, and within a tenth of the target nothing changes.
test('HPA: the ratio of the metric to its target, with a tolerance of a tenth', () => {
  assert.equal(replicasForAverage(200 * 4, 100, 4), 8)
  assert.equal(replicasForAverage(50 * 4, 100, 4), 2)
  assert.equal(replicasForAverage(110 * 4, 100, 4), 4)
  assert.equal(replicasForAverage(111 * 4, 100, 4), 5)
  assert.equal(replicasForCpu({ ...calm, percent: 100 }), 6)
  assert.equal(replicasForCpu({ ...calm, percent: 55.9 }), 3)
  assert.equal(replicasForCpu({ ...calm, percent: 25 }), 2)
})

// replica_calculator.go: pods that are not ready count as 0 on the way up, and where that turns
// the ratio round, nothing changes.
test('HPA: pods that are not ready damp scale-out and do not count for scale-in', () => {
  assert.equal(replicasForCpu({ ...calm, percent: 100, unready: 1, current: 4 }), 6)
  assert.equal(replicasForCpu({ ...calm, percent: 60, unready: 1, current: 4 }), 4)
  assert.equal(replicasForCpu({ ...calm, percent: 72, unready: 1, current: 4 }), 4)
  assert.equal(replicasForCpu({ ...calm, percent: 25, unready: 1, current: 4 }), 2)
  assert.ok(Number.isNaN(replicasForCpu({ ...calm, percent: 50, measured: 0 })))
})

// kubernetes.io, "Scaling policies": 10 % or 4 pods a minute take 8 of 80, then 8 of 72 (7.2
// rounded up), and 4 at a time below 40.
test('HPA: of several paces the most generous one', () => {
  const down = [
    { type: 'Pods', value: 4 },
    { type: 'Percent', value: 10 },
  ] as const
  assert.equal(downLimit(80, down), 72)
  assert.equal(downLimit(72, down), 64)
  assert.equal(downLimit(39, down), 35)
  const up = [
    { type: 'Pods', value: 4 },
    { type: 'Percent', value: 100 },
  ] as const
  assert.equal(upLimit(2, up), 6)
  assert.equal(upLimit(10, up), 20)
})

// horizontal.go: the largest recommendation of the window stands.
test('HPA: scale-in waits until the whole window wants less', () => {
  const step = [...Array.from({ length: 60 }, () => 400), ...Array.from({ length: 900 }, () => 50)]
  const options = { bootCv: 0, bootFailRatio: 0, startInstances: 10, maxInstances: 20 }
  const world = worldOf(Float64Array.from(step), options)
  const supply = new Uint32Array(step.length)
  runPolicy(world, hpaCpu.tuned({ target: 0.8, settleS: 300 }), { supply })
  assert.equal(supply[330], 10)
  assert.equal(supply[500], 2)
})

test('a window keeps the largest value until it is older than the window', () => {
  const window = new PeakWindow(300)
  assert.equal(window.add(0, 5), 5)
  assert.equal(window.add(150, 2), 5)
  assert.equal(window.add(299, 1), 5)
  assert.equal(window.add(300, 1), 2)
  assert.equal(new PeakWindow(0).add(10, 3), 3)
})

// keda.sh, "Scaling Deployments": cooldownPeriod 300 s applies to the way to none only.
test('KEDA: from none at once, to none after the cooldown', () => {
  const activation = new Activation()
  assert.equal(activation.poll(30, 0.5, 0), 1)
  assert.ok(Number.isNaN(activation.poll(60, 3, 4)))
  assert.ok(Number.isNaN(activation.poll(60 + COOLDOWN_S, 0, 4)))
  assert.equal(activation.poll(61 + COOLDOWN_S, 0, 4), 0)
})

// knative.dev, "Autoscale sample app": 50 concurrent requests at a target of 10 are 5 pods.
test('KPA: the stable window by the target', () => {
  assert.equal(new Kpa().scale(0, 5, { stable: 50, panic: 50, target: 10 }), 5)
})

// autoscaler.go: panic at twice what is ready; it holds its most for a stable window.
test('KPA: panic never goes down, and ends one stable window after its last cause', () => {
  const kpa = new Kpa()
  assert.equal(kpa.scale(0, 2, { stable: 10, panic: 39, target: 10 }), 4)
  assert.ok(kpa.panics)
  assert.equal(kpa.scale(2, 2, { stable: 12, panic: 60, target: 10 }), 6)
  assert.equal(kpa.scale(10, 6, { stable: 20, panic: 20, target: 10 }), 6)
  assert.equal(kpa.scale(62, 6, { stable: 20, panic: 20, target: 10 }), 6)
  assert.equal(kpa.scale(64, 6, { stable: 20, panic: 20, target: 10 }), 3)
  assert.ok(!kpa.panics)
})

// config-autoscaler: max-scale-down-rate 2 leaves at least half.
test('KPA: at most half of the pods leave at once', () => {
  assert.equal(new Kpa().scale(0, 9, { stable: 10, panic: 10, target: 10 }), 4)
})
