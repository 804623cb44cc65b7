// How long fewer must be wanted: what the file says, else what starting one again would cost.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { groupSpec } from '../../../tests/simulation/loop.ts'
import { groupMemory, instance, NOW, seenOf } from '../../../tests/simulation/moment.ts'
import type { GroupSpec, ScalingSpec } from '../model.ts'
import { settleMsOf } from './settle.ts'
import { noteTurnover } from './turnover.ts'

function specOf(change: Partial<ScalingSpec>, rest: Partial<GroupSpec> = {}): GroupSpec {
  const { settleMs: _undeclared, ...scaling } = groupSpec().scaling
  return groupSpec({ scaling: { ...scaling, ...change }, ...rest })
}

const demand = specOf({ policy: 'demand' })

test('what the file says holds, with either policy', () => {
  for (const policy of ['demand', 'target'] as const) {
    assert.equal(settleMsOf(specOf({ policy, settleMs: 7_000 }), groupMemory(1)), 7_000)
    assert.equal(settleMsOf(specOf({ policy, settleMs: 0 }), groupMemory(1)), 0)
  }
})

test('with demand it is half of a boot and a drain, as assumed and then as learned', () => {
  assert.equal(settleMsOf(demand, groupMemory(1)), 20_000)
  const slow = instance(1, { startedAtMs: NOW - 200_000, phaseAtMs: NOW })
  const learned = noteTurnover(groupMemory(1), demand, seenOf([slow]), NOW)
  assert.equal(settleMsOf(demand, learned), 105_000)
})

test('what follows every reading waits a minute', () => {
  assert.equal(settleMsOf(specOf({ policy: 'target' }), groupMemory(1)), 60_000)
  const steps = [{ kind: 'cpu', steps: [] }] as const
  const stepping = specOf({ policy: 'demand' }, { signals: [], steps })
  assert.equal(settleMsOf(stepping, groupMemory(1)), 60_000)
  const query = { kind: 'query', name: 'orders', query: 'up', target: 3 } as const
  const rps = { kind: 'rps', target: 50 } as const
  const asking = specOf({ policy: 'demand' }, { signals: [rps, query] })
  assert.equal(settleMsOf(asking, groupMemory(1)), 60_000)
})
