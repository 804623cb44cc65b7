// The guards `deploy`, `downstream`, `hours` and `schedule`: what they stop, and what not.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { groupSpec } from '../../../tests/simulation/loop.ts'
import {
  contextOf,
  dead,
  groupMemory,
  instance,
  MISSING,
  NOW,
  seenOf,
  value,
} from '../../../tests/simulation/moment.ts'
import type { GroupMemory, GroupObservation, Reading } from '../model.ts'
import { deploy } from './deploy.ts'
import { downstream } from './downstream.ts'
import { hours, noteHours } from './hours.ts'
import { schedule } from './schedule.ts'

const HOUR = 3_600_000
const fleet = [instance(1), instance(2), instance(3)]

test('deploy: no scale-in while instances of two generations run, scale-out stays free', () => {
  const rolling = (memory: Partial<GroupMemory>) => {
    return contextOf({ seen: seenOf(fleet), memory: groupMemory(3, memory) })
  }
  const adjustment = deploy(2, rolling({ restarts: 1 }))
  assert.equal(adjustment?.to, 3)
  assert.equal(adjustment?.reason, 'no scale-in during a roll to generation aaaa.1, 3 to go')
  assert.equal(deploy(5, rolling({ restarts: 1 })), undefined)
  assert.equal(deploy(2, rolling({})), undefined)
  const rolloutFailed = { generation: 'aaaa.1', reason: 'it died' }
  assert.equal(deploy(2, rolling({ restarts: 1, rolloutFailed })), undefined)
})

test('deploy: ends with the last old one that serves or starts', () => {
  const starting = instance(4, { phase: 'starting' })
  const young = instance(4, { generation: 'aaaa.1' })
  const leaving = instance(1, { phase: 'draining' })
  const at = (...list: readonly (typeof starting)[]) => {
    return contextOf({ seen: seenOf(list), memory: groupMemory(2, { restarts: 1 }) })
  }
  assert.match(deploy(1, at(young, starting))?.reason ?? '', /1 to go/)
  assert.equal(deploy(1, at(young, leaving)), undefined)
})

function withDb(saturation: Reading, needs: readonly string[] = ['db']) {
  const observation = { resources: [{ name: 'db', saturation }] }
  return contextOf({ group: groupSpec({ needs }), seen: seenOf(fleet), observation })
}

test('downstream: a saturated resource stops scale-out, says what helps, and scales nothing in', () => {
  const adjustment = downstream(5, withDb(value(0.97)))
  assert.equal(adjustment?.to, 3)
  assert.match(adjustment?.reason ?? '', /^db is 97 % full: .*replicas of it, a cache/)
  assert.equal(downstream(1, withDb(value(1))), undefined)
  assert.equal(downstream(3, withDb(value(1))), undefined)
})

test('downstream: only what is needed, saturated, and read lately', () => {
  const old = (ageS: number): Reading => ({ kind: 'value', value: 1, atMs: NOW - ageS * 1_000 })
  for (const free of [value(0.89), MISSING, value(Number.NaN), old(61)])
    assert.equal(downstream(5, withDb(free)), undefined)
  assert.equal(downstream(5, withDb(old(60)))?.to, 3)
  assert.equal(downstream(5, withDb(value(1), [])), undefined)
  const unread = contextOf({ group: groupSpec({ needs: ['db'] }), seen: seenOf(fleet) })
  assert.equal(downstream(5, unread), undefined)
})

/** A group with two at least, 100 instance-hours a day; NOW is 02:46:40 UTC. */
function budgeted(usedHours: number) {
  const scaling = { ...groupSpec().scaling, maxInstanceHours: 100 }
  const used = { day: 0, usedMs: usedHours * HOUR, atMs: NOW, instances: 3 }
  const memory = groupMemory(3, { hours: used })
  return contextOf({ group: groupSpec({ scaling }), seen: seenOf(fleet), memory })
}

test('hours: what the day can not bear any more is not started; nothing is scaled in', () => {
  // 2 × 21.22 h are kept for the minimum: 57.56 may be used; one more costs ten minutes.
  assert.equal(hours(8, budgeted(56)), undefined)
  const adjustment = hours(8, budgeted(57))
  assert.equal(adjustment?.to, 5)
  assert.equal(
    adjustment?.reason,
    '57 of the 100 instance-hours of this day are used, 42.4 more are kept for min_instances; it resets at 00:00 UTC, in 21 h 14 min',
  )
  assert.equal(hours(8, budgeted(99))?.to, 3)
  assert.equal(hours(2, budgeted(99)), undefined)
  const free = contextOf({ seen: seenOf(fleet), memory: budgeted(99).memory })
  assert.equal(hours(8, free), undefined)
})

test('hours: counted from what is there, anew each UTC day, through blindness and odd clocks', () => {
  const scaling = { ...groupSpec().scaling, maxInstanceHours: 100 }
  const group = groupSpec({ scaling })
  const note = (memory: GroupMemory, seen: GroupObservation, atMs: number) => {
    return noteHours(memory, group, seen, atMs)
  }
  const draining = seenOf([...fleet, instance(4, { phase: 'draining' }), dead(5)])
  const first = note(groupMemory(3), draining, 20 * HOUR)
  assert.deepEqual(first.hours, { day: 0, usedMs: 0, atMs: 20 * HOUR, instances: 4 })
  const later = note(first, seenOf(fleet), 21 * HOUR)
  assert.equal(later.hours?.usedMs, 4 * HOUR)
  const fault = { code: 'E_TIMEOUT', message: 'too slow', retryable: true }
  const unseen = { ...seenOf([]), status: { kind: 'unknown', fault } as const }
  const dark = note(later, unseen, 22 * HOUR)
  assert.deepEqual([dark.hours?.usedMs, dark.hours?.instances], [7 * HOUR, 3])
  const back = note(dark, seenOf(fleet), 20 * HOUR)
  assert.equal(back.hours?.usedMs, 7 * HOUR)
  const next = note(dark, seenOf(fleet), 26 * HOUR)
  assert.deepEqual([next.hours?.day, next.hours?.usedMs], [1, 6 * HOUR])
  const yesterday = note(next, seenOf(fleet), 23 * HOUR)
  assert.deepEqual([yesterday.hours?.day, yesterday.hours?.usedMs], [1, 6 * HOUR])
  const memory = groupMemory(3)
  assert.equal(noteHours(memory, groupSpec(), seenOf(fleet), NOW), memory)
})

test('schedule: no more than its ceiling; a floor of the same time stands against it', () => {
  const now = { spec: 'spec', fromMs: 0, untilMs: NOW + 1 }
  const ceiling = { instances: 4, reason: 'quiet' }
  const at = (memory: Partial<GroupMemory>) => contextOf({ memory: groupMemory(3, memory) })
  const limited = at({ schedule: { ...now, ceiling } })
  assert.deepEqual(schedule(8, limited), { guard: 'schedule', from: 8, to: 4, reason: 'quiet' })
  assert.equal(schedule(4, limited), undefined)
  const both = at({ schedule: { ...now, ceiling, floor: { instances: 6, reason: 'fair' } } })
  assert.equal(schedule(8, both)?.to, 6)
  assert.equal(schedule(8, at({})), undefined)
})
