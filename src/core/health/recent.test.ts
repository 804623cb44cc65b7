// Counting per target: what is older than ten seconds is forgotten, and nothing grows.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Recent } from './recent.ts'

test('requests and failures of about the last ten seconds', () => {
  const recent = new Recent()
  assert.deepEqual(recent.read(0), { requests: 0, failures: 0 })
  for (let ms = 0; ms < 20_000; ms += 100) {
    recent.request(ms)
    if (ms % 1_000 === 0) recent.failure(ms)
  }
  assert.deepEqual(recent.read(19_999), { requests: 100, failures: 10 })
  assert.deepEqual(recent.read(24_000), { requests: 50, failures: 5 })
  assert.deepEqual(recent.read(40_000), { requests: 0, failures: 0 })
})

test('a failure whose request is forgotten is none', () => {
  const recent = new Recent()
  recent.request(0)
  recent.failure(30_000)
  assert.deepEqual(recent.read(30_000), { requests: 0, failures: 0 })
})
