// The level follows demand as closely as each average is meant to, at any step size.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { rehearsed } from '../../../tests/simulation/demand.ts'
import { firstLevel, nextLevel, presentOf, slopeOf, spreadAt } from './level.ts'
import type { Level } from './model.ts'

function after(level: Level, values: readonly number[], seconds = 1): Level {
  return values.reduce((l, value, n) => nextLevel(l, value, seconds, n * seconds), level)
}

function close(found: number, expected: number, share: number): void {
  assert.ok(Math.abs(found - expected) <= share * expected, `${found} is not about ${expected}`)
}

test('all averages come to what is steady, the fast one first', () => {
  const soon = after(firstLevel(100), Array(10).fill(200))
  assert.ok(soon.fast > 190 && soon.slow > 150 && soon.slow < 175 && soon.minute < 120)
  const late = after(soon, Array(600).fill(200))
  for (const average of [late.fast, late.slow, late.minute]) close(average, 200, 1e-3)
  assert.equal(late.last, 200)
})

test('no step is too large: an average never passes what it follows', () => {
  const number = fc.double({ min: 0, max: 1e9, noNaN: true })
  const seconds = fc.double({ min: 0.25, max: 60, noNaN: true })
  fc.assert(
    fc.property(number, number, seconds, (before, value, step) => {
      const { fast, slow, minute, most, dispersion } = nextLevel(firstLevel(before), value, step, 0)
      const [least, largest] = [Math.min(before, value), Math.max(before, value)]
      for (const average of [fast, slow, minute]) {
        assert.ok(average >= least * (1 - 1e-9) && average <= largest * (1 + 1e-9))
      }
      assert.ok(most >= fast && most <= largest * (1 + 1e-9))
      assert.ok(dispersion >= 0 && Number.isFinite(dispersion))
    }),
  )
})

test('after a window an average has gone most of the way, whatever the step', () => {
  const gone = (step: number, to: number) => {
    const level = after(firstLevel(0), Array(Math.round(to / step)).fill(1), step)
    return [level.fast, level.slow, level.minute]
  }
  for (const step of [0.5, 1, 5]) {
    // One window of the slow one, and about one of the minute.
    close(gone(step, 10)[1] ?? 0, 0.63, 0.1)
    close(gone(step, 60)[2] ?? 0, 0.63, 0.05)
  }
})

test('arrivals by chance vary alike at any rate; bursts vary more, constant demand not at all', () => {
  // Of the variance of a second's count the average over 2.5 s leaves a sixth.
  const of = (rate: number) => rehearsed(() => rate, { seconds: 7_200, stepS: 1 }).level.dispersion
  for (const rate of [20, 100, 1_000]) close(of(rate), 1 / 6, 0.25)
  const bursts = rehearsed((t) => (t % 120 < 20 ? 300 : 100), { seconds: 3_600, stepS: 1 })
  assert.ok(bursts.level.dispersion > 10)
  assert.equal(after(firstLevel(50), Array(100).fill(50)).dispersion, 0)
  assert.equal(spreadAt(100, { ...firstLevel(0), dispersion: 4 }), 20)
  assert.equal(spreadAt(0, { ...firstLevel(0), dispersion: 4 }), 2)
})

test('growth is told per second once it has lasted; what falls has none', () => {
  const rising = after(
    firstLevel(0),
    Array.from({ length: 120 }, (_, t) => t * 3),
  )
  close(slopeOf(rising), 3, 0.01)
  assert.equal(slopeOf(after(firstLevel(100), [80, 60, 40, 20])), 0)
  assert.equal(slopeOf(firstLevel(7)), 0)
})

test('one high reading is not believed, two in a row are', () => {
  const once = nextLevel(firstLevel(100), 500, 1, 60)
  assert.equal(presentOf(once, 500, 100), once.fast)
  assert.ok(once.fast < 250)
  assert.equal(presentOf(nextLevel(once, 450, 1, 61), 450, 500), 450)
})

test('a peak counts half after three days', () => {
  const minutes = 3 * 24 * 60
  const level = after({ ...firstLevel(0), most: 100 }, Array(minutes).fill(0), 60)
  close(level.most, 50, 0.01)
})
