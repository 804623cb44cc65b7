// What people ask for is checked against the file before anything is done.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { groupSpec, specOf } from '../../tests/simulation/loop.ts'
import { memoryOf, observationOf, seenOf } from '../../tests/simulation/moment.ts'
import { checkScale, findGroup, type ScaleAction } from './commands.ts'
import { EMPTY_MEMORY } from './memory.ts'

const resources = [{ name: 'db', connections: { total: 55, perInstance: 10 } }]
const spec = specOf([groupSpec({ needs: ['db'] })], { resources })
const observation = observationOf([seenOf([])])

function ask(action: ScaleAction, instances: number, desired = 3): string {
  const request = { group: 'web', action, instances }
  const checked = checkScale(request, { spec, memory: memoryOf(desired), observation })
  return checked.ok ? `${checked.value.from} → ${checked.value.to}` : checked.fault.code
}

test('out and in move from what should be there; set says how many', () => {
  assert.equal(ask('scale-out', 2), '3 → 5')
  assert.equal(ask('scale-in', 1), '3 → 2')
  assert.equal(ask('set', 4), '3 → 4')
  assert.equal(ask('scale-out', 0), '3 → 3')
})

test('out of bounds is refused with the bounds', () => {
  assert.equal(ask('scale-out', 6), 'E_OUT_OF_BOUNDS')
  assert.equal(ask('scale-in', 2), 'E_OUT_OF_BOUNDS')
  assert.equal(ask('set', 0), 'E_OUT_OF_BOUNDS')
  const checked = checkScale(
    { group: 'web', action: 'set', instances: 9 },
    { spec, memory: memoryOf(3) },
  )
  assert.match(checked.ok ? '' : checked.fault.message, /9 instances of web.*2 to 8/)
})

test('over the budget is refused, unless it is fewer than there are', () => {
  assert.equal(ask('set', 6), 'E_BUDGET')
  assert.equal(ask('scale-out', 3), 'E_BUDGET')
  assert.equal(ask('set', 5), '3 → 5')
  assert.equal(ask('set', 7, 8), '8 → 7')
})

test('a group nobody remembers yet begins at its minimum', () => {
  const request = { group: 'web', action: 'scale-out', instances: 1 } as const
  const checked = checkScale(request, { spec, memory: EMPTY_MEMORY })
  assert.deepEqual(checked, { ok: true, value: { from: 2, to: 3 } })
})

test('an unknown group is refused with the known ones', () => {
  const found = findGroup(specOf([groupSpec(), groupSpec({ name: 'jobs' })]), 'wbe')
  assert.ok(!found.ok)
  assert.equal(found.fault.code, 'E_GROUP_UNKNOWN')
  assert.match(found.fault.message, /no group wbe; there is: web, jobs/)
  for (const name of ['', '__proto__', 'constructor']) assert.ok(!findGroup(spec, name).ok)
})

test('nothing is taken away by hand while ticks can not be kept; more may be added', () => {
  const world = { spec: specOf([groupSpec()]), memory: memoryOf(4), storeWritable: false }
  const fewer = checkScale({ group: 'web', action: 'scale-in', instances: 1 }, world)
  assert.equal(fewer.ok ? 'ok' : fewer.fault.code, 'E_STORE')
  assert.ok(checkScale({ group: 'web', action: 'scale-out', instances: 1 }, world).ok)
})
