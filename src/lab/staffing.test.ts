// Staffing by the SLO: with arrivals by chance a large group is run hotter than a small one.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { demandAt, plimsollPolicy } from './plimsoll.ts'
import { seeded } from './random.ts'
import { drawPoisson } from './world/draw.ts'
import { runPolicy } from './world/run.ts'
import { PLANT, type World, worldOf } from './world/world.ts'

const HOUR_S = 3_600
const { capacityRps, serviceS, maxWaitS } = PLANT

/** Steady demand that so many instances could just carry. */
function steady(instances: number, seconds: number): World {
  const random = seeded(11)
  const arrivals = Float64Array.from({ length: seconds }, () => {
    return drawPoisson(instances * capacityRps, random)
  })
  return worldOf(arrivals)
}

/** Utilisation planned for, mean over the ten minutes after an hour; 1 is full. */
function planned(instances: number): { readonly busy: number; readonly late: number } {
  let seconds = 0
  let wanted = 0
  const onDecision: NonNullable<Parameters<typeof plimsollPolicy>[0]>['onDecision'] = (_, made) => {
    seconds += 1
    if (seconds > HOUR_S) wanted += made.to
  }
  const signals = [{ kind: 'rps', target: capacityRps }] as const
  const slo = { p99Ms: (serviceS + maxWaitS) * 1_000 }
  const world = steady(instances, HOUR_S + 600)
  const { violationPercent } = runPolicy(world, plimsollPolicy({ signals, slo, onDecision }))
  return { busy: (instances * 600) / wanted, late: violationPercent }
}

test('after a steady hour 200 instances are run hotter than five, and both keep the SLO', () => {
  const [small, large] = [planned(5), planned(200)]
  assert.ok(large.busy > small.busy + 0.05, `${large.busy} and ${small.busy}`)
  assert.ok(large.busy > 0.85 && large.busy < 1, `${large.busy}`)
  assert.ok(small.busy > 0.5, `${small.busy}`)
  assert.ok(large.late < 0.1 && small.late < 0.1, `${large.late} and ${small.late}`)
})

test('the same with the defaults that the benchmark takes', () => {
  const hours = [5, 200].map((instances) => {
    return runPolicy(steady(instances, HOUR_S), demandAt()).instanceHours / instances
  })
  assert.ok((hours[0] ?? 0) > (hours[1] ?? 0) * 1.05, `${hours}`)
})
