// The guard `blind`: what may be done on readings that are fresh, stale, older and long gone.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { groupSpec, specOf } from '../../../tests/simulation/loop.ts'
import {
  contextOf,
  groupMemory,
  instance,
  NOW,
  observationOf,
  seenOf,
  value,
} from '../../../tests/simulation/moment.ts'
import { decide } from '../decide.ts'
import type { GroupMemory, Memory, Reading, Recommendation } from '../model.ts'
import { blind, noteBlind } from './blind.ts'

const LOST: Recommendation = { kind: 'abstain', policy: 'target.cpu', reason: 'gone', blind: true }

function want(instances: number, ageS = 0, policy = 'target.rps'): Recommendation {
  const base = { kind: 'want', policy, instances, reason: 'load' } as const
  return ageS === 0 ? base : { ...base, atMs: NOW - ageS * 1_000 }
}

function ask(
  wanted: number,
  all: readonly Recommendation[],
  memory: Partial<GroupMemory> = {},
): readonly [to: number, reason: string] {
  const fleet = Array.from({ length: 3 }, (_, n) => instance(n + 1))
  const context = contextOf({ seen: seenOf(fleet), memory: groupMemory(3, memory) })
  const adjustment = blind(wanted, context, all)
  assert.notEqual(adjustment?.to, wanted, 'an adjustment that changes nothing')
  return [adjustment?.to ?? wanted, adjustment?.reason ?? '']
}

const lostFor = (seconds: number, lastWant: number) => {
  return { blind: { 'target.cpu': { sinceMs: NOW - seconds * 1_000, want: lastWant } } }
}

test('fresh readings, up to three periods old, free both ways', () => {
  assert.equal(ask(1, [want(1)])[0], 1)
  assert.equal(ask(1, [want(1, 60)])[0], 1)
  assert.equal(ask(5, [want(5, 60)])[0], 5)
})

test('stale ones only scale out, and it is said how old they are', () => {
  assert.deepEqual(ask(1, [want(1, 61)]), [
    3,
    'no scale-in without target.rps (its reading is 61 s old)',
  ])
  assert.equal(ask(5, [want(5, 200)])[0], 5)
})

test('a clock that was set back leaves a missing reading missing', () => {
  assert.equal(ask(1, [want(1), LOST], lostFor(-40, 3))[0], 3)
})

test('older ones move nothing, but do not hold what stands on fresh ones', () => {
  assert.equal(ask(1, [want(1, 201)])[0], 3)
  assert.deepEqual(ask(5, [want(5, 201)]), [
    3,
    'no scale-out on old readings: target.rps (its reading is 201 s old)',
  ])
  assert.equal(ask(6, [want(6, 300), want(4, 0, 'target.cpu')])[0], 4)
  assert.equal(ask(5, [want(2, 300), want(5, 0, 'target.cpu')])[0], 5)
})

test('a missing reading stops scale-in from the first turn on, never scale-out', () => {
  assert.match(ask(1, [want(1), LOST])[1], /without target\.cpu \(gone, for 0 s\)/)
  assert.match(ask(1, [want(1), LOST], lostFor(42, 1))[1], /\(gone, for 42 s\)/)
  assert.equal(ask(5, [want(5), LOST], lostFor(300, 1))[0], 5)
  assert.equal(ask(1, [want(1), { ...LOST, blind: false }])[0], 1)
})

test('after ten minutes there are at least as many as were wanted last, within the schedule', () => {
  assert.equal(ask(3, [LOST], lostFor(599, 6))[0], 3)
  assert.deepEqual(ask(3, [LOST], lostFor(600, 6)), [
    6,
    'without target.cpu (gone, for 600 s): at least the last good want, 6',
  ])
  assert.equal(ask(1, [want(1), LOST], lostFor(600, 2))[0], 3)
  assert.equal(ask(7, [want(7, 0, 'schedule'), LOST], lostFor(600, 6))[0], 7)
  assert.equal(ask(5, [want(5, 600)])[0], 5)
  const now = { spec: 'spec', fromMs: 0, untilMs: NOW + 1 }
  const schedule = { ...now, ceiling: { instances: 4, reason: 'quiet' } }
  assert.equal(ask(3, [LOST], { ...lostFor(600, 6), schedule })[0], 4)
})

test('instances that can not be seen are not scaled in', () => {
  const fault = { code: 'E_TIMEOUT', message: 'too slow', retryable: true }
  const seen = { ...seenOf([instance(1)]), status: { kind: 'unknown', fault } as const }
  const context = contextOf({ seen, memory: groupMemory(3) })
  assert.equal(blind(1, context, [want(1)])?.reason, "the instances can't be seen: too slow")
  assert.equal(blind(5, context, [want(5)]), undefined)
})

test('since when it is blind is remembered with what was wanted before, until it sees again', () => {
  const seen = groupMemory(3, { wants: [{ atMs: NOW - 1_000, instances: 5 }] })
  const lost = noteBlind(seen, [LOST], NOW)
  assert.deepEqual(lost.blind, { 'target.cpu': { sinceMs: NOW, want: 5 } })
  const later = noteBlind({ ...lost, wants: [{ atMs: NOW, instances: 2 }] }, [LOST], NOW + 9_000)
  assert.deepEqual(later.blind, lost.blind)
  assert.equal(noteBlind(later, [want(2)], NOW).blind, undefined)
  assert.equal(noteBlind(seen, [want(2)], NOW), seen)
})

test('through the real policies: by the age of the reading that sizes the group', () => {
  const spec = specOf([groupSpec({ signals: [{ kind: 'rps', target: 40 }] })])
  const wants = [{ atMs: NOW - 30_000, instances: 2 }]
  const memory: Memory = { groups: { web: groupMemory(4, { wants }) }, shutdown: false }
  const fleet = Array.from({ length: 4 }, (_, n) => instance(n + 1))
  const decided = (rps: Reading) => {
    const seen = seenOf(fleet, { rps, cpuPercent: value(5) })
    const [decision] = decide(spec, observationOf([seen]), memory).decisions
    return decision?.to
  }
  const aged = (number: number, ageS: number): Reading => {
    return { kind: 'value', value: number, atMs: NOW - ageS * 1_000 }
  }
  assert.deepEqual(
    [0, 100, 300].map((s) => decided(aged(80, s))),
    [2, 4, 4],
  )
  assert.deepEqual(
    [0, 100, 300].map((s) => decided(aged(240, s))),
    [6, 6, 4],
  )
})
