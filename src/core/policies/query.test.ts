// The `query` policy sizes by totals that the monitor answers, and is blind without them.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { groupSpec } from '../../../tests/simulation/loop.ts'
import {
  contextOf,
  groupMemory,
  instance,
  MISSING,
  NOW,
  seenOf,
  value,
} from '../../../tests/simulation/moment.ts'
import { settleMsOf } from '../capacity/settle.ts'
import type { Reading, SignalSpec } from '../model.ts'
import { demandSignal } from './arriving.ts'
import { query } from './query.ts'

const depth = (target: number, name = 'depth'): SignalSpec => ({
  kind: 'query',
  name,
  query: 'sum(depth)',
  target,
})

function ask(signals: readonly SignalSpec[], ready: number, queries?: Record<string, Reading>) {
  const instances = Array.from({ length: ready }, (_, n) => instance(n + 1))
  const seen = seenOf(instances, queries === undefined ? {} : { queries })
  const group = groupSpec({ signals })
  return query(contextOf({ group, seen, memory: groupMemory(ready) }))
}

function wanted(total: number, target: number, ready: number): number | undefined {
  const [first] = ask([depth(target)], ready, { depth: value(total) })
  return first?.kind === 'want' ? first.instances : undefined
}

test('the total over what one carries, rounded up, with the tolerance of a target', () => {
  assert.equal(wanted(75, 50, 1), 2)
  assert.equal(wanted(100, 50, 1), 2)
  assert.equal(wanted(100.1, 50, 1), 3)
  assert.equal(wanted(54, 50, 1), 1)
  assert.equal(wanted(0, 50, 1), 0)
  assert.equal(wanted(0, 50, 0), 0)
  assert.equal(wanted(1, 50, 0), 1)
})

test('each query is a recommendation of its own, with its name and its reason', () => {
  const all = ask([depth(50), { kind: 'cpu', target: 80 }, depth(10, 'other')], 2, {
    depth: value(75),
    other: MISSING,
  })
  assert.deepEqual(all, [
    {
      kind: 'want',
      policy: 'query.depth',
      instances: 2,
      reason: 'query depth is 75, at 50 per instance wants 2',
    },
    {
      kind: 'abstain',
      policy: 'query.other',
      reason: 'no reading: out of order',
      blind: true,
    },
  ])
})

test('what was never asked is missing, not zero; other signals are not its business', () => {
  const [first] = ask([depth(50)], 2)
  assert.deepEqual([first?.kind, first?.reason], ['abstain', 'no reading: it was not asked'])
  assert.deepEqual(ask([{ kind: 'rps', target: 5 }], 2), [])
})

test('the age of an answer is told on, for the guard that judges it', () => {
  const old: Reading = { kind: 'value', value: 75, atMs: NOW - 90_000 }
  const [want] = ask([depth(50)], 2, { depth: old })
  assert.deepEqual(want?.kind === 'want' && want.atMs, NOW - 90_000)
  const [fresh] = ask([depth(50)], 2, { depth: value(75) })
  assert.ok(fresh?.kind === 'want' && fresh.atMs === undefined)
})

test('demand is what is measured first, whatever is asked before it; queries alone have none', () => {
  const scaling = { ...groupSpec().scaling, policy: 'demand' } as const
  const kind = (signals: readonly SignalSpec[]) => {
    return demandSignal(groupSpec({ signals, scaling }))?.kind
  }
  assert.equal(kind([depth(50), { kind: 'rps', target: 5 }, { kind: 'cpu', target: 70 }]), 'rps')
  assert.equal(kind([depth(50)]), undefined)
  assert.equal(kind([]), 'cpu')
})

test('a group with a query settles for a minute, where the file does not say', () => {
  const settle = (signals: readonly SignalSpec[]) => {
    const { settleMs: _none, policy: _neither, ...scaling } = groupSpec().scaling
    return settleMsOf(groupSpec({ signals, scaling }), groupMemory(1))
  }
  assert.equal(settle([{ kind: 'rps', target: 5 }, depth(50)]), 60_000)
  assert.ok(settle([{ kind: 'rps', target: 5 }]) < 60_000)
})
