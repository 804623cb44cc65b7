// What groups carry, where lines are a sample.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Logged } from './access-log.ts'
import { Readings } from './readings.ts'

function line(group: string, change: Partial<Logged> = {}): Logged {
  const plain = { ending: 'ok', status: 200, seconds: 0.01, tries: 1, failed: false } as const
  return { group, ...plain, tried: [], isSampled: true, share: 0, ...change }
}
const share = (group: string) => ({ group, reach: 'unix', connections: 1 }) as const
const groups = [share('web'), share('api')]

test('requests are what NGINX counts, split by lines', () => {
  const readings = new Readings()
  readings.sample({ requests: 0, busy: 0 }, groups, 0)
  for (const group of ['web', 'web', 'web', 'api']) readings.logged(line(group))
  readings.sample({ requests: 40, busy: 4 }, groups, 1_000)
  assert.equal(readings.counters('web').requests, 30)
  assert.equal(readings.counters('api').requests, 10)
  assert.equal(readings.counters('web').ok, 3)
})

test('in a flood, the fixed share tells how many requests the lines stand for', () => {
  const readings = new Readings()
  readings.sample({ requests: 0, busy: 0 }, groups, 0)
  for (let n = 0; n < 200; n += 1) readings.logged(line('web'))
  for (let n = 0; n < 100; n += 1) readings.logged(line('web', { isSampled: false, share: 64 }))
  for (let n = 0; n < 200; n += 1) readings.logged(line('api'))
  readings.sample({ requests: 13_600, busy: 0 }, groups, 1_000)
  assert.equal(readings.counters('web').requests, 13_200)
  assert.equal(readings.counters('api').requests, 400)
  // Lines outside the sample would tilt ratios.
  assert.equal(readings.counters('web').ok, 200)
})
