// The `latency` policy: one more step where CPU alone says too little, and none that does not help.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { groupSpec } from '../../../tests/simulation/loop.ts'
import {
  contextOf,
  groupMemory,
  instance,
  MISSING,
  NOW,
  seenOf,
  value,
} from '../../../tests/simulation/moment.ts'
import type { GroupMemory, GroupReadings, GroupSpec, Instance } from '../model.ts'
import { latency, rising } from './latency.ts'

const TRAIL = [3, 4, 5, 6, 7].map((n, i) => ({ atMs: NOW - 5_000 + i * 1_000, value: n * 4 }))
const STEP = { atMs: NOW - 30_000, to: 3, p99Ms: 1_000, rps: 100 }

function ask(
  readings: Partial<GroupReadings>,
  memory: Partial<GroupMemory> = {},
  instances: readonly Instance[] = [instance(1), instance(2)],
  change: Partial<GroupSpec> = {},
) {
  const group = groupSpec({ signals: [], ...change })
  const desired = memory.desired ?? instances.length
  const seen = seenOf(instances, readings)
  return latency(contextOf({ group, seen, memory: groupMemory(desired, memory) }))
}

function wanted(...args: Parameters<typeof ask>): number | undefined {
  const [only, more] = ask(...args)
  assert.equal(more, undefined)
  return only?.kind === 'want' ? only.instances : undefined
}

const LATE = { p99Ms: value(900), inFlight: value(60) }

test('it has nothing to say without an SLO, without HTTP, or beside a signal of its own', () => {
  const memory = { inFlightTrail: TRAIL }
  assert.deepEqual(ask(LATE, memory, undefined, { slo: {} }), [])
  assert.deepEqual(ask(LATE, memory, undefined, { signals: [{ kind: 'rps', target: 9 }] }), [])
  const { http: _none, ...worker } = groupSpec({ signals: [] })
  assert.deepEqual(latency(contextOf({ group: worker, seen: seenOf([instance(1)], LATE) })), [])
  assert.equal(ask(LATE, memory, undefined, { signals: [{ kind: 'cpu', target: 9 }] }).length, 1)
})

test('inside the SLO it wants nothing', () => {
  assert.deepEqual(ask({ p99Ms: value(300) }), [])
})

test('over the SLO with requests piling up it wants half as many more, at least one', () => {
  const memory = { inFlightTrail: TRAIL }
  assert.equal(wanted(LATE, memory, [instance(1)]), 2)
  assert.equal(wanted(LATE, memory), 3)
  assert.equal(
    wanted(
      LATE,
      memory,
      [1, 2, 3, 4, 5].map((n) => instance(n)),
    ),
    8,
  )
})

test('over the SLO without requests piling up it takes no step, and says so', () => {
  const flat = TRAIL.map((t) => ({ ...t, value: 60 }))
  const [only] = ask(LATE, { inFlightTrail: flat })
  assert.ok(only?.kind === 'want')
  assert.equal(only.instances, 2)
  assert.match(only.reason, /do not pile up/)
})

test('it waits until the step can have shown its effect', () => {
  const ready = [1, 2, 3].map((n) => instance(n, { phaseAtMs: NOW - 4_000 }))
  const [young] = ask(LATE, { latencyStep: STEP, inFlightTrail: TRAIL }, ready)
  assert.ok(young?.kind === 'want' && young.instances === 3)
  assert.match(young.reason, /waiting for the step to 3/)
  const starting = [instance(1), instance(2), instance(3, { phase: 'starting' })]
  assert.equal(wanted(LATE, { latencyStep: STEP, inFlightTrail: TRAIL }, starting), 3)
})

test('a step that did not help is the last one; one that helped may be followed', () => {
  const three = [1, 2, 3].map((n) => instance(n))
  const memory = { latencyStep: STEP, inFlightTrail: TRAIL }
  const [same] = ask({ ...LATE, p99Ms: value(950) }, memory, three)
  assert.ok(same?.kind === 'want' && same.instances === 3)
  assert.match(same.reason, /did not help.*the limit is elsewhere/)
  assert.equal(wanted({ ...LATE, p99Ms: value(700) }, memory, three), 5)
})

test('the step is kept while the load that needed it is there', () => {
  const three = [1, 2, 3].map((n) => instance(n))
  const calm = (rps: number) =>
    ask({ p99Ms: value(100), rps: value(rps) }, { latencyStep: STEP }, three)
  assert.equal(calm(85).length, 1)
  assert.deepEqual(calm(79), [])
})

test('no p99 is fine where nobody asks, and blind where somebody does', () => {
  assert.deepEqual(ask({ p99Ms: MISSING, rps: value(0), inFlight: value(0) }), [])
  for (const readings of [{ rps: value(1) }, { rps: MISSING }, { inFlight: MISSING }]) {
    const idle = { p99Ms: MISSING, rps: value(0), inFlight: value(0) }
    const [only] = ask({ ...idle, ...readings })
    assert.ok(only?.kind === 'abstain' && only.blind, JSON.stringify(readings))
  }
})

test('rising needs three readings and a fifth more than the earlier half', () => {
  const grows = (now: number, trail: readonly number[]) => {
    const inFlightTrail = trail.map((v, i) => ({ atMs: NOW - 5_000 + i, value: v }))
    const seen = seenOf([instance(1)], { inFlight: value(now) })
    return rising(contextOf({ seen, memory: groupMemory(1, { inFlightTrail }) }))
  }
  assert.equal(grows(50, [10, 10]), false)
  assert.equal(grows(50, [10, 10, 10]), true)
  assert.equal(grows(13, [10, 10, 10]), false)
  assert.equal(grows(13.2, [10, 10, 10]), true)
})
