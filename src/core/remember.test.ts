// What comes of a plan is remembered: only what was applied cools down, and no number comes twice.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { groupMemory, memoryOf, NOW } from '../../tests/simulation/moment.ts'
import { fault } from './errors.ts'
import type { Action, Decision, Outcome } from './model.ts'
import { remember } from './remember.ts'

const start = (n: number, group = 'web'): Action => {
  return { kind: 'start', group, instance: `${group}-${n}`, generation: 'a.0', reason: 'wanted' }
}
const applied = (action: Action): Outcome => ({ kind: 'applied', action })
const broke = (action: Action): Outcome => {
  return { kind: 'failed', action, fault: fault('E_NO_PORT', 'no port is free') }
}

function decision(from: number, to: number, group = 'web'): Decision {
  const rest = { recommendations: [], adjustments: [] }
  return { group, mode: 'enforce', from, to, reason: 'test', ...rest }
}

test('only an applied start of a growing group begins a cooldown', () => {
  const after = (from: number, to: number, outcomes: readonly Outcome[]) => {
    return remember(memoryOf(to), [decision(from, to)], outcomes, NOW).groups.web?.scaledOutAtMs
  }
  assert.equal(after(2, 3, [applied(start(3))]), NOW)
  assert.equal(after(2, 4, [broke(start(3)), applied(start(4))]), NOW)
  assert.equal(after(2, 3, [broke(start(3))]), undefined)
  assert.equal(after(2, 3, [{ kind: 'skipped', action: start(3), reason: 'gone' }]), undefined)
  assert.equal(after(2, 3, []), undefined)
  assert.equal(after(2, 2, [applied(start(3))]), undefined)
  assert.equal(after(3, 2, [applied(start(3))]), undefined)
})

test('a number that was given out is used up, whatever came of it', () => {
  const next = (...outcomes: readonly Outcome[]) => {
    return remember(memoryOf(2, { nextInstance: 3 }), [], outcomes, NOW).groups.web?.nextInstance
  }
  assert.equal(next(), 3)
  assert.equal(next(applied(start(3)), applied(start(4))), 5)
  assert.equal(next(broke(start(3))), 4)
  assert.equal(next({ kind: 'skipped', action: start(7), reason: 'gone' }), 8)
  assert.equal(next(applied(start(1))), 3)
})

test('a failed start counts as a failure, once for a turn', () => {
  const memory = remember(memoryOf(4), [], [broke(start(3)), broke(start(4))], NOW)
  const { failures } = memory.groups.web ?? {}
  assert.deepEqual([failures?.count, failures?.reason], [1, 'no port is free'])
})

test('what happened to one group leaves the others as they were', () => {
  const before = { groups: { web: groupMemory(2), 'web-jobs': groupMemory(1) }, shutdown: false }
  const after = remember(before, [decision(1, 2, 'web-jobs')], [applied(start(5, 'web-jobs'))], NOW)
  assert.deepEqual(after.groups.web, before.groups.web)
  assert.equal(after.groups['web-jobs']?.nextInstance, 6)
})
