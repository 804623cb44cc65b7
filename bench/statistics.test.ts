// Medians and their intervals, against values whose truth is known.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { seeded } from '../src/lab/random.ts'
import { median, medianInterval } from './statistics.ts'

test('the median is the middle, or between the two in the middle', () => {
  assert.equal(median([3]), 3)
  assert.equal(median([9, 1, 5]), 5)
  assert.equal(median([10, 1, 2, 3]), 2.5)
  assert.throws(() => median([]), RangeError)
})

test('the interval holds the median and narrows with more values', () => {
  const random = seeded(5)
  const values = Array.from({ length: 200 }, () => 10 + random())
  const few = medianInterval(values.slice(0, 8))
  const many = medianInterval(values)
  for (const { median: middle, low, high } of [few, many])
    assert.ok(low <= middle && middle <= high)
  assert.ok(many.high - many.low < few.high - few.low)
  assert.deepEqual(medianInterval(values), many, 'it can be repeated')
  assert.deepEqual(medianInterval([2]), { median: 2, low: 2, high: 2 })
})

test('the interval covers the true median about as often as it says', () => {
  const random = seeded(9)
  const covered = Array.from({ length: 100 }, () => {
    const { low, high } = medianInterval(Array.from({ length: 25 }, random))
    return low <= 0.5 && 0.5 <= high
  }).filter(Boolean).length
  assert.ok(covered >= 88, `${covered} of 100`)
})
