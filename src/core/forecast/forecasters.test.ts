// The table of forecasters: what the rehearsal relies on.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  COUNT,
  FACTORS,
  FORECASTERS,
  firstChoice,
  handicap,
  KEPT,
  SEASONAL,
  SEASONS,
  SPREADING,
  SPREADS,
  STEPS,
  TIMES,
  TRENDING,
} from './forecasters.ts'

test('every forecaster has each step in one place', () => {
  const lengths = [TIMES, SPREADS, KEPT, TRENDING].map(({ length }) => length)
  assert.deepEqual(lengths, [COUNT * STEPS, COUNT * STEPS, COUNT, COUNT])
  assert.equal(SEASONAL.length, SEASONS.length)
  assert.deepEqual(
    SPREADING,
    FORECASTERS.flatMap(({ by }, f) => (by === 'spread' ? [f] : [])),
  )
})

test('the first step is the least cautious: who is in time with it is so with all', () => {
  for (let i = 1; i < COUNT * STEPS; i += 1) {
    if (i % STEPS === 0) continue
    const [times = 0, before = 0] = [TIMES[i], TIMES[i - 1]]
    const [spread = 0, spreadBefore = 0] = [SPREADS[i], SPREADS[i - 1]]
    assert.ok(times >= before && spread >= spreadBefore && times + spread > before + spreadBefore)
    assert.ok(times >= 1)
  }
})

test('a season fits its parts', () => {
  for (const { periodS, bucketS } of SEASONS) assert.equal(periodS % bucketS, 0)
})

test('the slower the boot, the more cautious the beginning, up to a limit', () => {
  assert.deepEqual(firstChoice(0), { factor: 0, keeps: 0 })
  assert.ok(firstChoice(5).factor < firstChoice(25).factor)
  assert.ok(firstChoice(5).keeps < firstChoice(25).keeps)
  assert.deepEqual(firstChoice(50), firstChoice(5_000))
})

test('the first choice has no handicap, and every other one has some', () => {
  const step = FACTORS.indexOf(1.6)
  const first = FORECASTERS.findIndex((one) => one.keeps === 5 && one.trend) * STEPS + step
  assert.equal(handicap(first, firstChoice(50)), 0)
  for (let i = 0; i < COUNT * STEPS; i += 1) {
    const own = handicap(i, firstChoice(50))
    assert.ok(i === first || own > 0)
  }
})
