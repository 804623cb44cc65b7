// Units: every spelling, and the way back.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { durationMs } from '../core/words/duration.ts'
import { formatDuration, formatShare, formatSize, shareRatio, sizeBytes } from './units.ts'

test('spellings mean what they say', () => {
  const durations = { '300ms': 300, '1.5s': 1500, '2m': 120_000, '1h': 3_600_000, '0s': 0 }
  for (const [text, ms] of Object.entries(durations)) assert.equal(durationMs(text), ms, text)
  const sizes = { '1B': 1, '400KB': 400_000, '1KiB': 1024, '1.5MB': 1_500_000, '1GiB': 2 ** 30 }
  for (const [text, bytes] of Object.entries(sizes)) assert.equal(sizeBytes(text), bytes, text)
  assert.equal(shareRatio('0.1%'), 0.001)
  assert.equal(shareRatio('100%'), 1)
  for (const text of ['', '5', 's', '5 s', '-5s', '5S', '1e3s', '.5s', '5s5', '5%'])
    assert.ok(Number.isNaN(durationMs(text)), text)
  for (const text of ['5', '5mb', '5M', '5 MB']) assert.ok(Number.isNaN(sizeBytes(text)), text)
})

test('the shortest exact spelling is chosen', () => {
  assert.equal(formatDuration(60_000), '1m')
  assert.equal(formatDuration(90_000), '90s')
  assert.equal(formatDuration(0), '0ms')
  assert.equal(formatSize(10_000_000), '10MB')
  assert.equal(formatSize(2 ** 20), '1MiB')
  assert.equal(formatShare(0.001), '0.1%')
})

test('every spelling reads back as the same number', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 86_400_000 }), (number) => {
      assert.equal(durationMs(formatDuration(number)), number)
      assert.equal(sizeBytes(formatSize(number)), number)
    }),
  )
})
