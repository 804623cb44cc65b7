// What instances share bounds how many of them there can be.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { groupSpec, specOf } from '../../../tests/simulation/loop.ts'
import {
  dead,
  groupMemory,
  instance,
  observationOf,
  seenOf,
} from '../../../tests/simulation/moment.ts'
import type { GroupSpec, Instance, ResourceSpec } from '../model.ts'
import { budgetLimit } from './budget.ts'

const web = groupSpec({ needs: ['db'] })
const jobs = groupSpec({ name: 'jobs', needs: ['db'] })
const db = (total: number, perInstance = 10): ResourceSpec => {
  return { name: 'db', connections: { total, perInstance } }
}

function limit(
  resources: readonly ResourceSpec[],
  groups: readonly GroupSpec[] = [web],
  other: { readonly desired: number; readonly instances: readonly Instance[] } = {
    desired: 0,
    instances: [],
  },
) {
  const seen = { ...seenOf(other.instances), group: 'jobs' }
  const memory = { groups: { jobs: groupMemory(other.desired) }, shutdown: false }
  const world = { observation: observationOf([seen]), memory }
  return budgetLimit(specOf(groups, { resources }), groups[0] ?? web, world)
}

test('as many as fit, rounded down', () => {
  assert.equal(limit([db(100)])?.instances, 10)
  assert.equal(limit([db(109)])?.instances, 10)
  assert.equal(limit([db(9)])?.instances, 0)
})

test('without a budget or a need there is no limit', () => {
  assert.equal(limit([{ name: 'db' }]), undefined)
  assert.equal(limit([db(100)], [groupSpec()]), undefined)
  assert.equal(limit([]), undefined)
})

test('the tightest of several counts, and is named', () => {
  const group = groupSpec({ needs: ['db', 'cache'] })
  const cache: ResourceSpec = { name: 'cache', connections: { total: 12, perInstance: 4 } }
  const found = limit([db(100), cache], [group])
  assert.equal(found?.instances, 3)
  assert.match(found.reason, /^cache allows 12 connections, 4 per instance: 3 instances at most$/)
})

test('other groups count with what they have or should have, whichever is more', () => {
  const two = [instance(1), instance(2), dead(3)]
  assert.equal(limit([db(100)], [web, jobs], { desired: 4, instances: two })?.instances, 6)
  assert.equal(limit([db(100)], [web, jobs], { desired: 1, instances: two })?.instances, 8)
  const leaving = [...two, instance(4, { phase: 'stopping' })]
  assert.equal(limit([db(100)], [web, jobs], { desired: 1, instances: leaving })?.instances, 7)
  assert.match(limit([db(100)], [web, jobs], { desired: 4, instances: [] })?.reason ?? '', /40 of/)
})

test('other groups may hold more than there is', () => {
  assert.equal(limit([db(30)], [web, jobs], { desired: 9, instances: [] })?.instances, 0)
})
