// Boot and drain are learned from those that did; what is assumed holds until then.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { groupSpec } from '../../../tests/simulation/loop.ts'
import { groupMemory, instance, NOW, seenOf } from '../../../tests/simulation/moment.ts'
import { fault } from '../errors.ts'
import type { GroupMemory, GroupObservation, Instance } from '../model.ts'
import { horizonS, noteTurnover, turnoverS, turnoverTimes } from './turnover.ts'

const group = groupSpec()
const EMPTY = groupMemory(2)

/** Became ready so long ago, after a boot of so many seconds. */
function booted(n: number, seconds: number, agoMs = 0, change: Partial<Instance> = {}): Instance {
  const phaseAtMs = NOW - agoMs
  return instance(n, { phaseAtMs, startedAtMs: phaseAtMs - seconds * 1_000, ...change })
}

function note(memory: GroupMemory, instances: readonly Instance[], nowMs = NOW): GroupMemory {
  return noteTurnover(memory, group, seenOf(instances), nowMs)
}

const bootOf = (memory: GroupMemory) => turnoverTimes(memory.turnover).bootS
const drainOf = (memory: GroupMemory) => turnoverTimes(memory.turnover).drainS

test('where nobody was seen, a boot is half a minute and a drain ten seconds', () => {
  const times = turnoverTimes(undefined)
  assert.deepEqual(times, { bootS: { p50: 30, p95: 30 }, drainS: 10 })
  assert.deepEqual([horizonS(times), turnoverS(times)], [30, 40])
  assert.deepEqual(turnoverTimes(note(EMPTY, []).turnover), times)
})

test('half and all but the slowest of the boots: those that so many were at least as fast as', () => {
  const ten = [10, 1, 2, 3, 4, 5, 6, 7, 8, 9].map((s, n) => booted(n + 1, s, n))
  assert.deepEqual(bootOf(note(EMPTY, ten)), { p50: 5, p95: 10 })
  assert.deepEqual(bootOf(note(EMPTY, ten.slice(1, 4))), { p50: 2, p95: 3 })
  const twenty = Array.from({ length: 20 }, (_, n) => booted(n + 1, n + 1, n))
  assert.deepEqual(bootOf(note(EMPTY, twenty)), { p50: 10, p95: 19 })
})

test('planned for is an ordinary boot and a little, and never more than a slow one', () => {
  const of = (p50: number, p95: number) => ({ bootS: { p50, p95 }, drainS: 5 })
  assert.ok(Math.abs(horizonS(of(20, 40)) - 23) < 1e-9)
  assert.equal(horizonS(of(20, 21)), 21)
  assert.equal(turnoverS(of(20, 21)), 26)
  assert.equal(turnoverS({ bootS: { p50: 0.2, p95: 0.3 }, drainS: 1 }), 8)
})

test('each one is learned once, and those that still start not at all', () => {
  const first = note(EMPTY, [booted(1, 4, 500), booted(2, 9, 0, { phase: 'starting' })])
  assert.deepEqual(first.turnover?.bootsS, [4])
  assert.equal(note(first, [booted(1, 4, 500)]), first)
  const second = note(first, [booted(1, 4, 500), booted(2, 9)])
  assert.deepEqual(second.turnover?.bootsS, [4, 9])
})

test('the latest forty are remembered', () => {
  const fifty = Array.from({ length: 50 }, (_, n) => booted(n + 1, n + 1, 50 - n))
  const all = fifty.reduce((memory, _, n) => note(memory, fifty.slice(0, n + 1)), EMPTY)
  const { bootsS = [] } = all.turnover ?? {}
  assert.deepEqual([bootsS.length, bootsS[0], bootsS.at(-1)], [40, 11, 50])
  assert.deepEqual(note(EMPTY, fifty).turnover?.bootsS.length, 40)
})

test('other code begins anew, and does not learn from what is left of the old one', () => {
  const known = note(EMPTY, [booted(1, 4, 1_000)])
  const other = groupSpec({ run: { ...group.run, hash: 'bbbb' } })
  const turned = (instances: readonly Instance[]) => {
    return noteTurnover(known, other, seenOf(instances), NOW)
  }
  const left = turned([booted(1, 4, 1_000)])
  assert.deepEqual([left.turnover?.generation, left.turnover?.bootsS], ['bbbb', []])
  assert.deepEqual(bootOf(left), { p50: 30, p95: 30 })
  const both = turned([booted(1, 4, 1_000), booted(2, 60, 0, { generation: 'bbbb.3' })])
  assert.deepEqual(both.turnover?.bootsS, [60])
})

test('a drain lasts from its beginning until the instance is gone', () => {
  const draining = instance(2, { phase: 'draining', phaseAtMs: NOW - 3_000 })
  const begun = note(EMPTY, [instance(1), draining])
  assert.deepEqual(begun.turnover?.draining, { 'web-2': NOW - 3_000 })
  const stopping = instance(2, { phase: 'stopping', phaseAtMs: NOW + 2_000 })
  const still = note(begun, [instance(1), stopping], NOW + 2_000)
  assert.equal(still, begun)
  const over = note(still, [instance(1)], NOW + 4_000)
  assert.deepEqual([over.turnover?.drainsS, over.turnover?.draining], [[7], {}])
  assert.equal(drainOf(over), 7)
  const exited = note(still, [instance(1), { ...stopping, phase: 'exited' }], NOW + 4_000)
  assert.equal(drainOf(exited), 7)
})

test('drains have the same limit', () => {
  let memory = EMPTY
  for (let n = 1; n <= 45; n += 1) {
    const atMs = NOW + n * 10_000
    memory = note(memory, [instance(n, { phase: 'draining', phaseAtMs: atMs })], atMs)
    memory = note(memory, [], atMs + n * 100)
  }
  const { drainsS = [] } = memory.turnover ?? {}
  assert.deepEqual([drainsS.length, drainsS.at(-1)], [40, 4.5])
})

test('unseen is not gone', () => {
  const begun = note(EMPTY, [instance(2, { phase: 'draining', phaseAtMs: NOW - 3_000 })])
  const status = { kind: 'unknown', fault: fault('E_TIMEOUT', 'too slow') } as const
  const unseen: GroupObservation = { ...seenOf([]), status }
  assert.equal(noteTurnover(begun, group, unseen, NOW + 9_000), begun)
})

test('a clock that is set back gives no negative times, and learning goes on', () => {
  const begun = note(EMPTY, [booted(1, 4), instance(2, { phase: 'draining', phaseAtMs: NOW })])
  const backMs = NOW - 3_600_000
  const back = note(begun, [booted(1, 4)], backMs)
  assert.deepEqual(back.turnover?.drainsS, [])
  const next = note(back, [booted(1, 4), booted(3, 9, 3_600_000 - 60_000)], backMs + 60_000)
  assert.ok(next.turnover?.bootsS.includes(9))
  // It became ready before it was asked for.
  const odd = booted(4, -5, -100)
  assert.deepEqual(note(EMPTY, [odd]).turnover?.bootsS, [])
})

test('while nothing changes, the same memory is given back', () => {
  const known = note(EMPTY, [booted(1, 4, 1_000)])
  assert.equal(note(known, [booted(1, 4, 1_000)], NOW + 5_000), known)
  assert.deepEqual(JSON.parse(JSON.stringify(known)), known)
})
