// Cron expressions: what each spelling matches, and what is none.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { cronFields } from './cron.ts'

const all = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, i) => from + i)

test('each spelling of a field stands for its numbers', () => {
  assert.deepEqual(cronFields('0 19 * * 5'), {
    minutes: [0],
    hours: [19],
    days: all(1, 31),
    months: all(1, 12),
    weekdays: [5],
    eitherDay: false,
  })
  const fields = cronFields('*/20,5 9-17/4 1,15 jan-MAR mon-fri')
  assert.deepEqual(fields?.minutes, [0, 5, 20, 40])
  assert.deepEqual(fields?.hours, [9, 13, 17])
  assert.deepEqual(fields?.days, [1, 15])
  assert.deepEqual(fields?.months, [1, 2, 3])
  assert.deepEqual(fields?.weekdays, [1, 2, 3, 4, 5])
  assert.equal(fields?.eitherDay, true)
  assert.deepEqual(cronFields('50/5 * * * *')?.minutes, [50, 55])
})

test('7 is Sunday as 0 is', () => {
  assert.deepEqual(cronFields('0 0 * * 7')?.weekdays, [0])
  assert.deepEqual(cronFields('0 0 * * 6-7')?.weekdays, [0, 6])
  assert.deepEqual(cronFields('0 0 * * *')?.weekdays, all(0, 6))
})

test('what is no cron expression is refused', () => {
  const few = ['', '* * * *', '* * * * * *', '@daily']
  const out = ['60 * * * *', '* 24 * * *', '* * 0 * *', '* * * 13 *', '* * * * 8', '* * * mon *']
  const odd = [
    '5-1 * * * *',
    '*/0 * * * *',
    '*-5 * * * *',
    ', * * * *',
    '1.5 * * * *',
    '-1 * * * *',
  ]
  for (const text of [...few, ...out, ...odd]) assert.equal(cronFields(text), undefined, text)
})
