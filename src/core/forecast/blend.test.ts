// Shares in the plan: the less a forecaster would have cost, the larger.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { MIDNIGHT, rehearsed } from '../../../tests/simulation/demand.ts'
import { blendOf } from './blend.ts'
import {
  COUNT,
  DEVIATIONS,
  FACTORS,
  FORECASTERS,
  SPREADING,
  SPREADS,
  STEPS,
  TIMES,
} from './forecasters.ts'
import { firstLevel } from './level.ts'
import type { Blend } from './model.ts'

type Rehearsed = Parameters<typeof blendOf>[0]

const zeros = (length: number) => new Array<number>(length).fill(0)

/** All forecast 100 for `seconds`, and what came late is what `late` says of each index. */
function pastOf(seconds: number, late: (i: number) => number): Rehearsed {
  const all = TIMES.map((_, i) => late(i))
  return {
    spent: zeros(COUNT).map(() => 100 * seconds),
    spreadSpent: zeros(COUNT).map((_, f) => (SPREADING.includes(f) ? 10 * seconds : 0)),
    lateness: { late: all, queues: zeros(COUNT * STEPS), isWaiting: [] },
    total: 100 * seconds,
    level: { ...firstLevel(100), dispersion: 1 },
  }
}

const BY = { lateRatio: 0.001, bootS: 45 }
/** What the blend plans where all forecast 100 and their spread is 10. */
function planOf({ times, spreads }: Blend): number {
  return times.reduce((sum, t, f) => sum + t * 100 + (spreads[f] ?? 0) * 10, 0)
}

const DAY_S = 86_400
const areFinite = (all: readonly number[]) => all.every((one) => Number.isFinite(one) && one >= 0)

test('shares sum to one: where all say the same, so does the blend, times its caution', () => {
  const late = fc.array(fc.double({ min: 0, max: 1e5, noNaN: true }), {
    minLength: COUNT * STEPS,
    maxLength: COUNT * STEPS,
  })
  const ratio = fc.constantFrom(0, 1e-6, 1e-3, 0.1, 1)
  fc.assert(
    fc.property(late, ratio, fc.nat(300), (all, lateRatio, bootS) => {
      const blend = blendOf(
        pastOf(3_600, (i) => all[i] ?? 0),
        { lateRatio, bootS },
        MIDNIGHT,
      )
      const { times, spreads, leader, step, expectedLate } = blend
      assert.deepEqual([times.length, spreads.length], [COUNT, COUNT])
      assert.ok(areFinite(times) && areFinite(spreads))
      // Those that multiply have shares of factors; the others have their share as it is.
      const sum = times.reduce((a, b) => a + b, 0)
      assert.ok(sum >= 1 - 1e-9 && sum <= Math.max(...FACTORS) + 1e-9)
      assert.ok(leader >= 0 && leader < COUNT && step >= 0 && step < STEPS)
      assert.ok(expectedLate >= 0 && expectedLate <= Math.max(...all) / 360_000 + 1e-9)
      assert.deepEqual(JSON.parse(JSON.stringify(blend)), blend)
    }),
    { numRuns: 50 },
  )
})

test('shares of those that add deviations sum to one exactly', () => {
  // Whoever multiplies was always late.
  const past = pastOf(DAY_S, (i) => (TIMES[i] === 1 ? 0 : 1e9))
  const { times, spreads } = blendOf(past, BY, MIDNIGHT)
  assert.ok(Math.abs(times.reduce((a, b) => a + b, 0) - 1) < 1e-9)
  const deviations = spreads.reduce((a, b) => a + b, 0)
  assert.ok(deviations >= Math.min(...DEVIATIONS) && deviations <= Math.max(...DEVIATIONS))
})

test('the cheapest leads, with the largest share', () => {
  for (const best of [3, 2 * STEPS + 5, 9 * STEPS + 2]) {
    const blend = blendOf(
      pastOf(DAY_S, (i) => (i === best ? 0 : 1e7)),
      BY,
      MIDNIGHT,
    )
    assert.deepEqual([blend.leader, blend.step], [Math.floor(best / STEPS), best % STEPS])
    const times = zeros(COUNT)
    times[Math.floor(best / STEPS)] = TIMES[best] ?? 0
    assert.deepEqual(blend.times, times)
    assert.equal(blend.spreads[Math.floor(best / STEPS)], SPREADS[best])
    assert.equal(blend.expectedLate, 0)
  }
})

test('much the same costs have much the same shares', () => {
  // Two that trend and differ only in what they keep; a day on, the head start decides little.
  const index = (keeps: number) => {
    const f = FORECASTERS.findIndex((one) => one.keeps === keeps && one.trend)
    return f * STEPS + 2
  }
  const two = [index(1), index(20)]
  const { times } = blendOf(
    pastOf(30 * DAY_S, (i) => (two.includes(i) ? 0 : 1e8)),
    BY,
    MIDNIGHT,
  )
  const [one = 0, other = 0] = two.map((i) => times[Math.floor(i / STEPS)])
  assert.ok(one > 0.3 && other > 0.3 && Math.abs(one + other - 1.2) < 1e-9)
})

test('the smaller the share that may be late, the larger the plan', () => {
  // Each step of caution would have spared half of what came late.
  const past = pastOf(DAY_S, (i) => 2_000 * 0.5 ** (i % STEPS))
  const plans = [0, 1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 0.1, 1].map((lateRatio) => {
    return planOf(blendOf(past, { ...BY, lateRatio }, MIDNIGHT))
  })
  for (const [n, plan] of plans.entries()) {
    assert.ok(plan <= (plans[n - 1] ?? plan) + 1e-9, `${plans}`)
  }
  assert.ok((plans[0] ?? 0) > 1.5 * (plans.at(-1) ?? 0))
})

test('and so it is over a past that was lived', () => {
  const spiky = (t: number) => (t % 700 < 60 ? 400 : 100)
  const plan = (lateRatio: number) => rehearsed(spiky, { seconds: 4 * 3_600, lateRatio }).plan
  const [strict, usual, loose] = [1e-5, 1e-3, 0.2].map(plan)
  assert.ok(strict !== undefined && usual !== undefined && loose !== undefined)
  assert.ok(strict >= usual && usual > loose, `${strict} ${usual} ${loose}`)
})

test('a promise that nothing is late is no number without end', () => {
  const { blend, plan } = rehearsed((t) => (t % 700 < 60 ? 400 : 100), {
    seconds: 3_600,
    lateRatio: 0,
  })
  assert.ok(areFinite(blend.times) && Number.isFinite(plan) && plan >= 100)
})

test('without a past: the more caution, the longer a boot takes', () => {
  const first = (bootS: number) =>
    blendOf(
      pastOf(0, () => 0),
      { ...BY, bootS },
      MIDNIGHT,
    )
  const [short = 0, usual = 0, long = 0, longer = 0] = [1, 45, 200, 600].map((bootS) => {
    return planOf(first(bootS))
  })
  assert.ok(short <= usual + 1e-9 && usual < long && long < longer)
  assert.ok(short < 110 && longer > 140 && longer < 165)
  assert.equal(first(45).expectedLate, 0)
})
