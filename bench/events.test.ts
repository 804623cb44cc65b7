// The row of scale events: repeatable, mixed and within bounds.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MAX_INSTANCES, MIN_INSTANCES, scaleEventRow } from './events.ts'

test('a row is repeatable, mixed, within bounds, and every step changes something', () => {
  const row = scaleEventRow(200, 3)
  assert.deepEqual(scaleEventRow(200, 3), row)
  assert.notDeepEqual(scaleEventRow(200, 4), row)
  let before = MIN_INSTANCES
  const kinds = { out: 0, in: 0, restart: 0 }
  for (const { kind, instances } of row) {
    kinds[kind] += 1
    assert.ok(instances >= MIN_INSTANCES && instances <= MAX_INSTANCES)
    if (kind === 'out') assert.ok(instances > before)
    if (kind === 'in') assert.ok(instances < before)
    if (kind === 'restart') assert.equal(instances, before)
    before = instances
  }
  assert.ok(
    Object.values(kinds).every((count) => count >= 45),
    JSON.stringify(kinds),
  )
})
