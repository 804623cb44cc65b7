// Every kind of ending against every kind of marked request, as a table.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Ending, type FaultMark, isLate, judge, TIMED_OUT, type Verdict } from './answer.ts'

const status = (code: number, retryAfter = false): Ending => ({
  kind: 'status',
  status: code,
  retryAfter,
})
const error = (reason: string): Ending => ({ kind: 'error', reason })

const cases: readonly [FaultMark | undefined, Ending, Verdict][] = [
  [undefined, status(200), 'ok'],
  [undefined, status(201), 'ok'],
  [undefined, status(302), 'ok'],
  [undefined, status(404), 'failed'],
  [undefined, status(500), 'failed'],
  [undefined, status(502), 'failed'],
  [undefined, status(503), 'failed'],
  [undefined, status(503, true), 'shed'],
  [undefined, error('ECONNRESET'), 'failed'],
  ['reset', error('ECONNRESET'), 'resetByApplication'],
  ['reset', error('socket hang up'), 'resetByApplication'],
  ['reset', status(502), 'resetByApplication'],
  ['reset', status(504), 'failed'],
  ['reset', status(503, true), 'shed'],
  ['reset', error(TIMED_OUT), 'failed'],
  ['reset', error('ECONNREFUSED'), 'failed'],
  ['reset', status(200), 'ok'],
  ['late', status(200), 'delayedByApplication'],
  ['late', status(502), 'failed'],
  ['late', error('ECONNRESET'), 'failed'],
]

test('an ending is judged by what was asked for and what came back', () => {
  for (const [mark, ending, verdict] of cases) {
    assert.equal(judge(mark, ending), verdict, `${mark} ${JSON.stringify(ending)}`)
  }
})

test('late is what was shed, or answered well only after five seconds', () => {
  assert.equal(isLate('ok', 5_000), false)
  assert.equal(isLate('ok', 5_001), true)
  assert.equal(isLate('delayedByApplication', 5_001), true)
  assert.equal(isLate('shed', 1), true)
  assert.equal(isLate('failed', 9_000), false)
})
