// The `schedule` policy: floors and ceilings in their windows, also when the clock jumps.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { cronFields } from '../../src/config/cron.ts'
import type { ScheduleSpec } from '../../src/core/policies/model.ts'
import { noteSchedule, schedule } from '../../src/core/policies/schedule.ts'
import { lastStart, offsetMs } from '../../src/core/policies/schedule-times.ts'
import { groupSpec, specOf } from './loop.ts'
import { contextOf, groupMemory } from './moment.ts'

const HOUR = 3_600_000

function entry(cron: string, change: Partial<ScheduleSpec> = {}): ScheduleSpec {
  const starts = cronFields(cron)
  assert.ok(starts, cron)
  return { cron, starts, tz: 'Europe/Paris', durationMs: HOUR, except: [], ...change }
}

/** The start that holds at a time, or undefined; both in ISO 8601, without seconds. */
function startAt(at: string, of: ScheduleSpec): string | undefined {
  const start = lastStart(of, Date.parse(`${at}:00.000Z`))
  return start === undefined ? undefined : new Date(start).toISOString().slice(0, 16)
}

test('a window begins at its start and ends after its duration, in its own time zone', () => {
  const evening = entry('0 19 * * 5', { durationMs: 3 * HOUR })
  // 2026-01-02 is a Friday; Paris is an hour ahead in winter, two in summer.
  const at = (time: string) => startAt(time, evening)
  assert.equal(at('2026-01-02T17:59'), undefined)
  assert.equal(at('2026-01-02T18:00'), '2026-01-02T18:00')
  assert.equal(at('2026-01-02T20:59'), '2026-01-02T18:00')
  assert.equal(at('2026-01-02T21:00'), undefined)
  assert.equal(at('2026-01-03T18:00'), undefined)
  assert.equal(at('2026-07-03T17:00'), '2026-07-03T17:00')
})

test('a window runs over midnight, and a newer start takes over', () => {
  const night = entry('30 23 * * *', { durationMs: 24 * HOUR })
  assert.equal(startAt('2026-01-02T22:29', night), '2026-01-01T22:30')
  assert.equal(startAt('2026-01-02T22:30', night), '2026-01-02T22:30')
})

test('days of the month and of the week: either, where both are given', () => {
  const either = entry('0 0 13 * 5', { tz: 'UTC' })
  assert.equal(startAt('2026-01-02T00:30', either), '2026-01-02T00:00')
  assert.equal(startAt('2026-01-13T00:30', either), '2026-01-13T00:00')
  assert.equal(startAt('2026-01-14T00:30', either), undefined)
  const february = entry('0 0 30 2 *', { tz: 'UTC' })
  assert.equal(startAt('2026-03-02T00:30', february), undefined)
})

test('no start on an excepted date, counted where the schedule is', () => {
  const nightly = entry('0 0 * * *', { tz: 'America/New_York', except: ['2026-12-25'] })
  assert.equal(startAt('2026-12-25T05:30', nightly), undefined)
  assert.equal(startAt('2026-12-26T05:30', nightly), '2026-12-26T05:00')
})

test('spring: a start in the hour that is missing is at the jump', () => {
  // Paris jumps from 02:00 to 03:00 on 2026-03-29, at 01:00 UTC.
  const missing = entry('30 2 * * *')
  const at = (time: string) => startAt(time, missing)
  assert.equal(at('2026-03-28T01:30'), '2026-03-28T01:30')
  assert.equal(at('2026-03-29T00:59'), undefined)
  assert.equal(at('2026-03-29T01:00'), '2026-03-29T01:00')
  assert.equal(at('2026-03-29T01:59'), '2026-03-29T01:00')
  assert.equal(at('2026-03-29T02:00'), undefined)
  assert.equal(at('2026-03-30T00:30'), '2026-03-30T00:30')
  const before = entry('30 1 * * *', { durationMs: 2 * HOUR })
  assert.equal(startAt('2026-03-29T02:29', before), '2026-03-29T00:30')
  assert.equal(startAt('2026-03-29T02:30', before), undefined)
})

test('autumn: a start in the hour that comes twice is in its first coming only', () => {
  // Paris goes back from 03:00 to 02:00 on 2026-10-25, at 01:00 UTC.
  const twice = entry('30 2 * * *', { durationMs: HOUR / 4 })
  const at = (time: string) => startAt(time, twice)
  assert.equal(at('2026-10-25T00:30'), '2026-10-25T00:30')
  assert.equal(at('2026-10-25T00:45'), undefined)
  assert.equal(at('2026-10-25T01:30'), undefined)
  assert.equal(at('2026-10-25T01:40'), undefined)
  const long = entry('30 2 * * *', { durationMs: 3 * HOUR })
  assert.equal(startAt('2026-10-25T03:29', long), '2026-10-25T00:30')
  assert.equal(startAt('2026-10-25T03:30', long), undefined)
  const later = entry('0 3 * * *', { durationMs: HOUR / 4 })
  assert.equal(startAt('2026-10-25T02:00', later), '2026-10-25T02:00')
  assert.equal(startAt('2026-10-25T01:00', later), undefined)
})

test('autumn: what starts in every hour starts in both of them', () => {
  const hourly = entry('30 * * * *', { durationMs: HOUR / 4 })
  assert.equal(startAt('2026-10-25T00:35', hourly), '2026-10-25T00:30')
  assert.equal(startAt('2026-10-25T01:35', hourly), '2026-10-25T01:30')
})

test('it agrees with a look at every minute, over the days around both jumps', () => {
  const crons = ['30 2 * * *', '*/40 1-3 * * *', '15 * * * *', '0 22 * * 6', '5 3 29 3 *']
  const around = fc.constantFrom('2026-03-28', '2026-10-24', '2026-06-01')
  const parts = fc.record({
    cron: fc.constantFrom(...crons),
    tz: fc.constantFrom('Europe/Paris', 'Australia/Lord_Howe', 'America/New_York', 'Asia/Kolkata'),
    day: around,
    minute: fc.nat(2_880),
    durationMin: fc.integer({ min: 1, max: 1_440 }),
  })
  fc.assert(
    fc.property(parts, ({ cron, tz, day, minute, durationMin }) => {
      const one = entry(cron, { tz, durationMs: durationMin * 60_000 })
      const now = Date.parse(`${day}T00:00:00Z`) + minute * 60_000 + 1
      assert.equal(lastStart(one, now), slowly(one, now), new Date(now).toISOString())
    }),
    { numRuns: 150 },
  )
})

// The same rules, minute by minute.
function slowly(one: ScheduleSpec, nowMs: number): number | undefined {
  const everyHour = one.starts.hours.length === 24
  for (let at = Math.floor(nowMs / 60_000) * 60_000; at > nowMs - one.durationMs; at -= 60_000) {
    const offset = offsetMs(one.tz, at)
    const before = offsetMs(one.tz, at - 60_000)
    for (let local = at + Math.min(offset, before); local <= at + offset; local += 60_000) {
      if (
        local > at + before - 60_000 &&
        matches(one, local) &&
        (everyHour || isFirst(one, at, offset))
      )
        return at
    }
  }
  return undefined
}

function isFirst(one: ScheduleSpec, at: number, offset: number): boolean {
  for (const back of [30, 60]) {
    if (offsetMs(one.tz, at - back * 60_000) === offset + back * 60_000) return false
  }
  return true
}

function matches({ starts }: ScheduleSpec, local: number): boolean {
  const date = new Date(local)
  const day = starts.days.includes(date.getUTCDate())
  const weekday = starts.weekdays.includes(date.getUTCDay())
  return (
    starts.minutes.includes(date.getUTCMinutes()) &&
    starts.hours.includes(date.getUTCHours()) &&
    starts.months.includes(date.getUTCMonth() + 1) &&
    (starts.eitherDay ? day || weekday : day && weekday)
  )
}

const FRIDAY = Date.parse('2026-01-02T19:00:00Z')

function scheduled(entries: readonly ScheduleSpec[], hash = 'spec') {
  const scaling = { ...groupSpec().scaling, schedule: entries }
  const group = groupSpec({ scaling })
  return { group, spec: specOf([group], { hash }) }
}

test('of several windows the highest floor and the lowest ceiling hold, and say until when', () => {
  const { group, spec } = scheduled([
    entry('0 19 * * 5', { durationMs: 3 * HOUR, minInstances: 3, maxInstances: 7 }),
    entry('0 20 * * 5', { minInstances: 5, maxInstances: 8 }),
    entry('0 20 * * 6', { minInstances: 9, maxInstances: 1 }),
  ])
  const memory = noteSchedule(groupMemory(2), group, spec, FRIDAY)
  assert.deepEqual(memory.schedule?.floor, {
    instances: 5,
    reason: 'schedule "0 20 * * 5" (Europe/Paris): at least 5 until 2026-01-02T20:00Z',
  })
  assert.equal(memory.schedule?.ceiling?.instances, 7)
  const [want] = schedule(contextOf({ group, memory }))
  assert.deepEqual(want?.kind === 'want' && [want.policy, want.instances], ['schedule', 5])
  const after = noteSchedule(memory, group, spec, FRIDAY + 24 * 2 * HOUR)
  assert.deepEqual(schedule(contextOf({ group, memory: after })), [])
})

test('it is looked up once a minute, and at once when the file or the clock changes', () => {
  const { group, spec } = scheduled([entry('0 20 * * 5', { durationMs: 90_000, minInstances: 5 })])
  const first = noteSchedule(groupMemory(2), group, spec, FRIDAY + 1_000)
  assert.equal(noteSchedule(first, group, spec, FRIDAY + 59_999), first)
  const second = noteSchedule(first, group, spec, FRIDAY + 60_000)
  assert.notEqual(second, first)
  // The window ends in the middle of a minute.
  assert.equal(second.schedule?.untilMs, FRIDAY + 90_000)
  assert.equal(noteSchedule(second, group, spec, FRIDAY + 90_000).schedule?.floor, undefined)
  assert.notEqual(noteSchedule(first, group, spec, FRIDAY), first)
  assert.notEqual(noteSchedule(first, group, { ...spec, hash: 'new' }, FRIDAY + 2_000), first)
  assert.equal(noteSchedule(first, groupSpec(), spec, FRIDAY).schedule, undefined)
  const memory = groupMemory(2)
  assert.equal(noteSchedule(memory, groupSpec(), spec, FRIDAY), memory)
})
