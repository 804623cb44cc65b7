// Counters become readings: over the last seconds, from what the balancer says, or not at all.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { Reading } from '../core/model.ts'
import { type BalancerCounters, LATENCY_BOUNDS_MS } from '../core/ports.ts'
import { CounterWindow, missing } from './window.ts'

function counters(change: Partial<BalancerCounters> = {}): BalancerCounters {
  const latency = new Array<number>(LATENCY_BOUNDS_MS.length + 1).fill(0)
  const none = { requests: 0, ok: 0, client: 0, server: 0, badGateway: 0, shed: 0, retried: 0 }
  return { ...none, inFlight: 0, waiting: 0, inFlightMs: 0, latency, ...change }
}

// Latencies by bucket: `{ 3: 10 }` is ten responses in the fourth bucket.
function latency(counts: Readonly<Record<number, number>>): readonly number[] {
  return LATENCY_BOUNDS_MS.concat(0).map((_, i) => counts[i] ?? 0)
}

function window(...snapshots: readonly (readonly [number, Partial<BalancerCounters>])[]) {
  const made = new CounterWindow()
  for (const [monotonicMs, change] of snapshots) {
    made.add('first', { monotonicMs, counters: counters(change) })
  }
  return made
}

function of(reading: Reading): number | string {
  return reading.kind === 'value' ? reading.value : 'missing'
}

test('without two looks half a second apart nothing is known', () => {
  for (const young of [window(), window([0, {}]), window([0, {}], [499, { requests: 9 }])]) {
    const { inFlight, rps, p99Ms, errorsRatio } = young.readings(1)
    assert.deepEqual([inFlight, rps, p99Ms, errorsRatio].map(of), new Array(4).fill('missing'))
  }
  const { rps } = window([0, {}], [500, { requests: 9 }]).readings(1)
  assert.equal(of(rps), 18)
})

test('rate and requests in flight are those of the last second, whatever was before', () => {
  const { rps, inFlight } = window(
    [0, {}],
    [1_000, { requests: 1_000, inFlightMs: 50_000 }],
    [2_000, { requests: 1_020, inFlightMs: 54_000 }],
  ).readings(7)
  assert.deepEqual(rps, { kind: 'value', value: 20, atMs: 7 })
  assert.deepEqual(inFlight, { kind: 'value', value: 4, atMs: 7 })
})

test('latency and errors are those of the last five seconds, and no longer', () => {
  const looks = Array.from({ length: 12 }, (_, s) => {
    const late = s === 0 ? 0 : 100
    return [s * 1_000, { ok: s * 10, server: late, latency: latency({ 40: late, 10: s * 10 }) }]
  }) as [number, Partial<BalancerCounters>][]
  const during = window(...looks.slice(0, 5)).readings(0)
  assert.equal(of(during.p99Ms), LATENCY_BOUNDS_MS[40])
  const after = window(...looks).readings(0)
  assert.equal(of(after.p99Ms), LATENCY_BOUNDS_MS[10])
  assert.equal(of(after.errorsRatio), 0)
})

test('p99 is the upper bound of its bucket, never too good', () => {
  const p99 = (counts: Readonly<Record<number, number>>) => {
    return of(window([0, {}], [1_000, { latency: latency(counts) }]).readings(0).p99Ms)
  }
  assert.equal(p99({ 5: 1 }), LATENCY_BOUNDS_MS[5])
  assert.equal(p99({ 5: 99, 30: 1 }), LATENCY_BOUNDS_MS[5])
  assert.equal(p99({ 5: 98, 30: 2 }), LATENCY_BOUNDS_MS[30])
  assert.equal(p99({ 5: 10, 30: 1 }), LATENCY_BOUNDS_MS[30])
  assert.equal(p99({ [LATENCY_BOUNDS_MS.length]: 5 }), LATENCY_BOUNDS_MS.at(-1))
  assert.equal(p99({}), 'missing')
})

test('p99 is what sorting every response would give', () => {
  const bucket = fc.nat(LATENCY_BOUNDS_MS.length - 1)
  fc.assert(
    fc.property(fc.array(bucket, { minLength: 1, maxLength: 300 }), (buckets) => {
      const counts: Record<number, number> = {}
      for (const b of buckets) counts[b] = (counts[b] ?? 0) + 1
      const sorted = [...buckets].sort((a, b) => a - b)
      const expected = LATENCY_BOUNDS_MS[sorted[Math.ceil(sorted.length * 0.99) - 1] ?? 0]
      const { p99Ms } = window([0, {}], [1_000, { latency: latency(counts) }]).readings(0)
      assert.equal(of(p99Ms), expected)
    }),
  )
})

test('errors are what the clients got: 5xx, bad gateways and shed ones', () => {
  const now = { ok: 90, client: 4, server: 3, badGateway: 2, shed: 1 }
  assert.equal(of(window([0, {}], [1_000, now]).readings(0).errorsRatio), 0.06)
  assert.equal(of(window([0, now], [1_000, now]).readings(0).errorsRatio), 'missing')
})

test('a balancer that began anew begins a new window', () => {
  const restarted = window([0, { requests: 1_000 }], [5_000, { requests: 9_000 }])
  restarted.add('second', { monotonicMs: 6_000, counters: counters({ requests: 5 }) })
  assert.equal(of(restarted.readings(0).rps), 'missing')
  restarted.add('second', { monotonicMs: 7_000, counters: counters({ requests: 12 }) })
  assert.equal(of(restarted.readings(0).rps), 7)
})

test('counters that went back, and garbage, never look like a good p99', () => {
  const high = { latency: latency({ 10: 100 }) }
  const back = window([0, high], [1_000, { latency: latency({ 10: 20 }) }]).readings(0)
  assert.equal(of(back.p99Ms), 'missing')
  const garbage = latency({ 10: Number.NaN })
  assert.equal(of(window([0, {}], [1_000, { latency: garbage }]).readings(0).p99Ms), 'missing')
  assert.equal(of(window([5_000, {}], [1_000, { requests: 9 }]).readings(0).rps), 'missing')
})

test('the window is bounded, and keeps what the long readings need', () => {
  const long = window()
  for (let ms = 0; ms <= 600_000; ms += 250) {
    long.add('first', { monotonicMs: ms, counters: counters({ requests: ms / 10 }) })
  }
  assert.equal(of(long.readings(0).rps), 100)
})

test('all readings can be missing for one reason', () => {
  for (const reading of Object.values(missing('it is down'))) {
    assert.deepEqual(reading, { kind: 'missing', reason: 'it is down' })
  }
})

test('an answer that is no newer than the last one says nothing, and the readings grow old', () => {
  const looks = window([0, {}], [1_000, { requests: 50 }])
  assert.deepEqual(looks.readings(7).rps, { kind: 'value', value: 50, atMs: 7 })
  for (const [monotonicMs, requests] of [
    [1_000, 50],
    [0, 0],
  ] as const) {
    looks.add('first', { monotonicMs, counters: counters({ requests }) })
    assert.deepEqual(looks.readings(8).rps, { kind: 'value', value: 50, atMs: 7 })
  }
  looks.add('first', { monotonicMs: 2_000, counters: counters({ requests: 60 }) })
  assert.deepEqual(looks.readings(9).rps, { kind: 'value', value: 10, atMs: 9 })
})

test('requests that were rejected for want of room have a share of their own', () => {
  const { shedRatio, errorsRatio } = window(
    [0, {}],
    [1_000, { ok: 6, server: 1, shed: 3 }],
  ).readings(0)
  assert.equal(of(shedRatio), 0.3)
  assert.equal(of(errorsRatio), 0.4)
})
