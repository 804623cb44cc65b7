// The summary of a run, from seconds made by hand.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { p99Ms } from './percentile.ts'
import { missesSlo, summarize } from './summary.ts'
import type { SecondResult } from './tally.ts'

const SLO = 300

function second(index: number, parts: Partial<SecondResult> = {}): SecondResult {
  const latenciesMs = parts.latenciesMs ?? [100]
  return {
    second: index,
    requests: latenciesMs.length,
    latenciesMs,
    lost: 0,
    failed: 0,
    late: 0,
    failedByApplication: 0,
    outstandingBefore: 0,
    answered: latenciesMs.length,
    ...parts,
  }
}

/** A run whose seconds each hold one request of the given latency. */
const run = (...latencies: readonly number[]): SecondResult[] =>
  latencies.map((ms, i) => second(i, { latenciesMs: [ms] }))
const times = (count: number, ms: number): number[] => Array.from({ length: count }, () => ms)
const recovered = (seconds: readonly SecondResult[], startS = 2): number | null =>
  summarize(seconds, { startS, endS: startS + 5 }, SLO).recovered_s

test('p99 is the nearest rank, and lost requests are the slowest', () => {
  const hundred = Array.from({ length: 100 }, (_, i) => i + 1)
  assert.equal(p99Ms(hundred, 0), 99)
  assert.equal(p99Ms(hundred, 1), 100)
  assert.equal(p99Ms(hundred, 2), 60_000)
  assert.equal(p99Ms([5], 0), 5)
  assert.equal(p99Ms([], 1), 60_000)
  assert.equal(p99Ms([90_000], 0), 60_000)
  assert.equal(p99Ms([], 0), null)
})

test('the parts of a run are told apart', () => {
  const seconds = run(9_000, 8_000, 100, 110, 2_000, 900, ...times(10, 200), 120, 130)
  assert.deepEqual(summarize(seconds, { startS: 4, endS: 16 }, SLO), {
    p99_ms: { calm: 110, spike_worst: 2_000, spike_settled: 200, after: 130 },
    recovered_s: 2,
  })
})

test('parts without requests have no figure', () => {
  const silent = Array.from({ length: 8 }, (_, i) => second(i, { latenciesMs: [] }))
  assert.deepEqual(summarize(silent, { startS: 1, endS: 8 }, SLO).p99_ms, {
    calm: null,
    spike_worst: null,
    spike_settled: null,
    after: null,
  })
})

test('one request in a hundred may be slow or lost, two may not', () => {
  const fast = times(99, 100)
  assert.equal(missesSlo(second(0, { latenciesMs: [...fast, 5_000] }), SLO), false)
  assert.equal(missesSlo(second(0, { latenciesMs: fast, lost: 1 }), SLO), false)
  assert.equal(missesSlo(second(0, { latenciesMs: fast, lost: 2 }), SLO), true)
  assert.equal(missesSlo(second(0, { latenciesMs: [300] }), SLO), false)
  assert.equal(missesSlo(second(0, { latenciesMs: [300.1] }), SLO), true)
})

test('a second in which nothing came back though requests waited is a miss', () => {
  const none = { latenciesMs: [], answered: 0 }
  assert.equal(missesSlo(second(0, { ...none, outstandingBefore: 1 }), SLO), true)
  assert.equal(missesSlo(second(0, none), SLO), false)
  assert.equal(missesSlo(second(0, { outstandingBefore: 9, answered: 1 }), SLO), false)
})

test('recovery is the second after the last miss', () => {
  assert.equal(recovered(run(100, 100, 900, 900, 900, ...times(5, 100))), 3)
  assert.equal(recovered(run(100, 100, ...times(9, 100))), 0)
  assert.equal(recovered(run(9_000, 9_000, ...times(9, 100))), 0, 'misses before do not count')
})

test('a later miss takes the recovery back', () => {
  assert.equal(recovered(run(100, 100, 900, ...times(6, 100), 900, ...times(5, 100))), 8)
  assert.equal(recovered(run(100, 100, 900, ...times(9, 100), 900)), null)
})

test('fewer than five seconds in a row are no recovery', () => {
  assert.equal(recovered(run(100, 100, 900, ...times(4, 100))), null)
  assert.equal(recovered(run(100, 100, ...times(8, 900))), null)
  assert.equal(recovered(run(100, 100, ...times(4, 100))), null)
})
