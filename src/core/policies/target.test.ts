// The `target` policy sizes by what one instance should carry, and abstains where it can't see.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { groupSpec } from '../../../tests/simulation/loop.ts'
import {
  contextOf,
  groupMemory,
  instance,
  MISSING,
  seenOf,
  value,
} from '../../../tests/simulation/moment.ts'
import type { GroupMemory, GroupReadings, SignalSpec } from '../model.ts'
import { signalsOf, target } from './target.ts'

function recommend(
  signals: readonly SignalSpec[],
  ready: number,
  readings: Partial<GroupReadings>,
  memory: Partial<GroupMemory> = {},
) {
  const instances = Array.from({ length: ready }, (_, n) => instance(n + 1))
  const seen = seenOf(instances, readings)
  const group = groupSpec({ signals })
  return target(contextOf({ group, seen, memory: groupMemory(ready, memory) }))
}

function wants(...args: Parameters<typeof recommend>): readonly (number | undefined)[] {
  return recommend(...args).map((r) => (r.kind === 'want' ? r.instances : undefined))
}

const IN_FLIGHT: SignalSpec = { kind: 'in_flight', target: 8 }
const RPS: SignalSpec = { kind: 'rps', target: 50 }
const CPU: SignalSpec = { kind: 'cpu', target: 60 }

test('requests in flight and rate: the total over what one carries, rounded up', () => {
  const cpuPercent = value(80)
  assert.deepEqual(wants([IN_FLIGHT], 2, { inFlight: value(62), cpuPercent }), [8, 2])
  assert.deepEqual(wants([IN_FLIGHT], 2, { inFlight: value(64), cpuPercent }), [8, 2])
  assert.deepEqual(wants([IN_FLIGHT], 2, { inFlight: value(64.1), cpuPercent }), [9, 2])
  assert.deepEqual(wants([RPS], 2, { rps: value(151), cpuPercent }), [4, 2])
  assert.deepEqual(wants([RPS, IN_FLIGHT], 4, { rps: value(0), inFlight: value(0) })[1], 0)
})

test('inside a tenth of the target nothing changes', () => {
  assert.equal(wants([IN_FLIGHT], 10, { inFlight: value(87.9) })[0], 10)
  assert.equal(wants([IN_FLIGHT], 10, { inFlight: value(72.1) })[0], 10)
  assert.equal(wants([IN_FLIGHT], 10, { inFlight: value(88.5) })[0], 12)
  assert.equal(wants([IN_FLIGHT], 10, { inFlight: value(71) })[0], 9)
})

test('the threshold counts beside other signals, unless CPU is one of them', () => {
  const kinds = (signals: readonly SignalSpec[]) => {
    return signalsOf(contextOf({ group: groupSpec({ signals }) })).map((s) => [s.kind, s.target])
  }
  const two = [
    ['in_flight', 8],
    ['cpu', 80],
  ]
  assert.deepEqual(kinds([IN_FLIGHT]), two)
  assert.deepEqual(kinds([CPU]), [['cpu', 60]])
  assert.deepEqual(kinds([]), [['cpu', 80]])
})

test('CPU: the sum over the ready ones against the threshold', () => {
  assert.deepEqual(wants([], 4, { cpuPercent: value(30) }), [2])
  assert.deepEqual(wants([], 4, { cpuPercent: value(80) }), [4])
  assert.deepEqual(wants([], 2, { cpuPercent: value(160) }), [4])
})

test('CPU at its ceiling doubles where nothing else is known', () => {
  const [only] = recommend([], 3, { cpuPercent: value(99), rps: MISSING })
  assert.ok(only?.kind === 'want')
  assert.equal(only.instances, 6)
  assert.match(only.reason, /ceiling.*only "more"/)
})

test('CPU at its ceiling is sized from what arrives, where a request was measured before', () => {
  const spike = { cpuPercent: value(100), rps: value(600) }
  assert.deepEqual(wants([], 2, spike, { cpuPerRps: 1 }), [8])
  assert.deepEqual(wants([], 2, { ...spike, rps: value(10) }, { cpuPerRps: 1 }), [3])
})

test('an instance of several cores has no ceiling', () => {
  assert.deepEqual(wants([], 2, { cpuPercent: value(240), rps: MISSING }), [6])
})

test('a reading that is missing or no number makes it abstain, blind, with the reason', () => {
  for (const reading of [MISSING, value(Number.NaN), value(Number.POSITIVE_INFINITY)]) {
    const all = { inFlight: reading, rps: reading, cpuPercent: reading }
    const found = recommend([IN_FLIGHT, RPS], 2, all)
    assert.deepEqual(
      found.map((r) => [r.kind, r.policy, r.kind === 'abstain' && r.blind]),
      ['target.in_flight', 'target.rps', 'target.cpu'].map((p) => ['abstain', p, true]),
    )
    assert.match(found[0]?.reason ?? '', /out of order|not a number/)
  }
})

test('whatever the load, what it wants carries it and is a whole number', () => {
  fc.assert(
    fc.property(
      fc.double({ min: 0, max: 1e6, noNaN: true }),
      fc.double({ min: 0.01, max: 1e4, noNaN: true }),
      fc.integer({ min: 0, max: 50 }),
      (load, per, ready) => {
        const signal = { kind: 'in_flight', target: per } as const
        const [wanted] = wants([signal], ready, { inFlight: value(load) })
        assert.ok(wanted !== undefined && Number.isInteger(wanted) && !Object.is(wanted, -0))
        // A tenth over the target is tolerated, and nothing beyond.
        assert.ok(wanted * per * 1.1 * (1 + 1e-6) + 1e-6 >= load, `${wanted} for ${load}`)
        assert.ok(wanted <= Math.max(load / per + 1, ready), `${wanted} for ${load}`)
      },
    ),
  )
})

test('a group that drains a queue is not kept by what little CPU idling costs', () => {
  const queues = [{ queue: 'orders', drainWithinMs: 30_000 }]
  assert.deepEqual(target(contextOf({ group: groupSpec({ signals: [], queues }) })), [])
})

test('where nothing is to run there is no CPU to be blind for', () => {
  const seen = seenOf([], { cpuPercent: MISSING })
  const blind = (desired: number) => {
    const group = groupSpec({ signals: [] })
    const [only] = target(contextOf({ group, seen, memory: groupMemory(desired) }))
    return only?.kind === 'abstain' && only.blind
  }
  assert.deepEqual([blind(0), blind(1)], [false, true])
})
