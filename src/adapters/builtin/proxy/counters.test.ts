// Counters: integral and buckets.
import { strict as assert } from 'node:assert'
import { test } from 'node:test'
import { LATENCY_BOUNDS_MS } from '../../../core/ports.ts'
import { bucketOf, Counters } from './counters.ts'

test('the integral of requests in flight is exact, whenever it is read', () => {
  const counters = new Counters(0)
  counters.arrived(10)
  counters.arrived(20)
  assert.equal(counters.read(25, 0).inFlightMs, 10 + 2 * 5)
  counters.left(30)
  counters.left(50)
  const { inFlightMs, inFlight } = counters.read(1_000, 0)
  assert.deepEqual({ inFlightMs, inFlight }, { inFlightMs: 10 + 2 * 10 + 20, inFlight: 0 })
})

test('a latency is in the first bucket whose bound it does not exceed', () => {
  assert.equal(bucketOf(0), 0)
  LATENCY_BOUNDS_MS.forEach((bound, i) => {
    assert.equal(bucketOf(bound), i)
    assert.equal(bucketOf(bound + 0.001), i + 1)
  })
  assert.equal(new Counters(0).read(0, 0).latency.length, LATENCY_BOUNDS_MS.length + 1)
})
