// A reload that failed is not repeated at once.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fault } from '../../../core/errors.ts'
import { Holdback } from './holdback.ts'

test('the same change waits longer each time, another one does not wait', () => {
  let nowMs = 0
  const holdback = new Holdback(() => nowMs)
  const failure = fault('E_ATTACH', 'it did not take')
  const waits: number[] = []
  for (let n = 0; n < 8; n += 1) {
    holdback.failed('a', failure)
    assert.equal(holdback.check('a'), failure)
    assert.equal(holdback.check('b'), undefined)
    const fromMs = nowMs
    while (holdback.check('a') !== undefined) nowMs += 1_000
    waits.push((nowMs - fromMs) / 1_000)
  }
  assert.deepEqual(waits, [10, 20, 40, 80, 160, 320, 600, 600])
  holdback.failed('a', failure)
  holdback.succeeded()
  assert.equal(holdback.check('a'), undefined)
})
