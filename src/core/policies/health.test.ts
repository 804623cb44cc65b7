// The `health` policy: more where checks fail for want of room, no fewer anywhere, and the words.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { groupSpec } from '../../../tests/simulation/loop.ts'
import {
  contextOf,
  groupMemory,
  instance,
  NOW,
  seenOf,
  value,
} from '../../../tests/simulation/moment.ts'
import type { Outage } from '../health/model.ts'
import type { GroupMemory, Instance, Recommendation } from '../model.ts'
import { health } from './health.ts'

const FULL: Outage = { cause: 'capacity', sinceMs: NOW - 5_000, reason: 'all are full', probes: 0 }
const DOWN: Outage = { ...FULL, cause: 'shared', reason: 'all fail alike' }

function ask(memory: Partial<GroupMemory>, more: readonly Instance[] = [], rps = 80) {
  const instances = [instance(1), instance(2), instance(3), ...more]
  const seen = seenOf(instances, { rps: value(rps) })
  const group = groupSpec({ signals: [] })
  return health(contextOf({ group, seen, memory: groupMemory(3, memory) }))
}

function only(all: readonly Recommendation[]): readonly [number | undefined, string] {
  assert.equal(all.length, 1)
  const [one] = all
  return [one?.kind === 'want' ? one.instances : undefined, one?.reason ?? '']
}

test('where nothing is wrong it says nothing', () => {
  assert.deepEqual(ask({}), [])
})

test('for want of room it wants half as many more, and waits until they show', () => {
  const [to, reason] = only(ask({ outage: FULL }))
  assert.equal(to, 5)
  assert.equal(reason, 'all are full: more are wanted, 5, and none is replaced')
  const step = { atMs: NOW - 20_000, to: 4, well: 0 }
  assert.equal(only(ask({ outage: { ...FULL, step } }))[0], 5)
  const young = { ...step, atMs: NOW - 2_000 }
  assert.deepEqual(only(ask({ outage: { ...FULL, step: young } })), [
    4,
    'all are full; waiting for the step to 4 to show',
  ])
  const starting = instance(4, { phase: 'starting' })
  const late = { ...step, atMs: NOW - 12_000 }
  assert.equal(only(ask({ outage: { ...FULL, step: late } }, [starting]))[0], 4)
})

test('for a shared cause it wants what there is, and afterwards for ten seconds more', () => {
  assert.deepEqual(only(ask({ outage: DOWN })), [3, 'all fail alike'])
  const [to, reason] = only(ask({ outage: { ...DOWN, calmSinceMs: NOW - 7_000 } }))
  assert.equal(to, 3)
  assert.match(reason, /pass again; nothing is scaled in for another 3 s/)
})

test('it says who is replaced, and wants nothing by that', () => {
  const replacing = {
    ...{ instance: 'web-2', sinceMs: NOW, reason: 'it does not answer (no answer)' },
    ...{ surge: false, breaks: false },
  }
  const [to, reason] = only(ask({ replacing }))
  assert.equal(to, undefined)
  assert.equal(reason, 'web-2 is replaced: it does not answer (no answer)')
  assert.equal(ask({ replacing, outage: DOWN }).length, 2)
})

test('what helped is kept while its load is there, for a quarter of an hour, if only CPU sizes', () => {
  const capacityStep = { atMs: NOW - 60_000, to: 3, rps: 100 }
  const [to, reason] = only(ask({ capacityStep }))
  assert.equal(to, 3)
  assert.match(reason, /failed with fewer than 3 at 100 requests\/s, and they still come/)
  assert.deepEqual(ask({ capacityStep }, [], 79), [])
  assert.deepEqual(ask({ capacityStep: { ...capacityStep, atMs: NOW - 900_000 } }), [])
  const memory = groupMemory(3, { capacityStep })
  assert.deepEqual(health(contextOf({ memory })), [])
})
