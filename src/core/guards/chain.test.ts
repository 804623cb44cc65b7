// Each guard by itself, and the order they are asked in: what may be done with what is wanted.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { groupSpec, specOf } from '../../../tests/simulation/loop.ts'
import {
  contextOf,
  groupMemory,
  instance,
  MISSING,
  NOW,
  seenOf,
  value,
} from '../../../tests/simulation/moment.ts'
import type { GroupContext } from '../context.ts'
import type { GroupMemory, Observation, Reading, Recommendation } from '../model.ts'
import { GUARDS, MANUAL_GUARDS } from './chain.ts'

const ALL = new Map(GUARDS)
const SEEN: Recommendation = { kind: 'want', policy: 'target.rps', instances: 1, reason: 'low' }

function ask(
  name: string,
  wanted: number,
  context: GroupContext,
  recommendations: readonly Recommendation[] = [SEEN],
): readonly [to: number, reason: string] {
  const guard = ALL.get(name)
  assert.ok(guard, `there is no guard ${name}`)
  const adjustment = guard(wanted, context, recommendations)
  if (adjustment === undefined) return [wanted, '']
  assert.deepEqual([adjustment.guard, adjustment.from], [name, wanted])
  assert.notEqual(adjustment.to, wanted, 'an adjustment that changes nothing')
  return [adjustment.to, adjustment.reason]
}

function at(
  current: number,
  memory: Partial<GroupMemory> = {},
  observation: Partial<Observation> = {},
): GroupContext {
  const instances = Array.from({ length: current }, (_, n) => instance(n + 1))
  const seen = seenOf(instances)
  return contextOf({ seen, memory: groupMemory(current, memory), observation })
}

test('the order: safety first, then bounds and budget, which alone bind a person', () => {
  const safety = ['schedule', 'blind', 'hold', 'errors', 'outage', 'deploy', 'settle', 'store']
  const room = ['host', 'downstream', 'hours', 'step', 'projection', 'cooldown']
  const order = [...safety, ...room, 'bounds', 'budget']
  assert.deepEqual([...ALL.keys()], order)
  assert.deepEqual([...new Map(MANUAL_GUARDS).keys()], ['bounds', 'budget'])
})

test('hold keeps the number in both directions, until it is over', () => {
  const held = at(3, { hold: { untilMs: NOW + 5_000, by: 'ops' } })
  assert.deepEqual(ask('hold', 5, held), [3, 'held by ops for another 5 s'])
  assert.equal(ask('hold', 1, held)[0], 3)
  assert.equal(ask('hold', 5, at(3, { hold: { untilMs: NOW, by: 'ops' } }))[0], 5)
  assert.equal(ask('hold', 5, at(3))[0], 5)
})

test('errors stop scale-in while more fail than may, never scale-out', () => {
  const fleet = Array.from({ length: 3 }, (_, n) => instance(n + 1))
  const failing = (share: number, count?: number, errorsRatio?: number) => {
    const responses = count === undefined ? {} : { responses: value(count) }
    const readings = { errorsRatio: value(share), badGatewayRatio: value(share / 2), ...responses }
    const slo = errorsRatio === undefined ? {} : { errorsRatio }
    const seen = seenOf(fleet, readings)
    return contextOf({ group: groupSpec({ slo }), seen, memory: groupMemory(3) })
  }
  assert.deepEqual(ask('errors', 1, failing(0.08, 100)), [
    3,
    'no scale-in while 8 % of responses fail, 4 % by a 502 or 504 (5 % may): that looks like low load, and is none',
  ])
  assert.equal(ask('errors', 5, failing(0.5, 100))[0], 5)
  assert.equal(ask('errors', 1, failing(0.049, 100))[0], 1)
  assert.equal(ask('errors', 1, failing(0.05))[0], 3)
  assert.equal(ask('errors', 1, failing(0.2, 10))[0], 1)
  assert.equal(ask('errors', 1, failing(1, 3))[0], 3)
  assert.equal(ask('errors', 1, failing(0.08, 100, 0.1))[0], 1)
  assert.equal(ask('errors', 1, failing(0.02, 1_000, 0.01))[0], 3)
  assert.match(ask('errors', 1, failing(0.02, 1_000, 0.001))[1], /2 % .* \(0\.1 % may\)/)
  const unread = contextOf({
    seen: seenOf(fleet, { errorsRatio: MISSING }),
    memory: groupMemory(3),
  })
  assert.equal(ask('errors', 1, unread)[0], 1)
})

test('errors stop scale-in while requests are rejected for want of room, however few', () => {
  const fleet = Array.from({ length: 3 }, (_, n) => instance(n + 1))
  const rejecting = (share: number, count: number) => {
    const readings = { shedRatio: value(share), responses: value(count) }
    return contextOf({ seen: seenOf(fleet, readings), memory: groupMemory(3) })
  }
  assert.deepEqual(ask('errors', 1, rejecting(0.01, 500)), [
    3,
    'no scale-in while 1 % of responses are a 503 for want of room',
  ])
  assert.equal(ask('errors', 1, rejecting(0.01, 200))[0], 1)
  assert.equal(ask('errors', 1, rejecting(0, 500))[0], 1)
  assert.equal(ask('errors', 5, rejecting(0.5, 500))[0], 5)
})

test('outage: a shared cause holds the number, until checks pass; capacity stops only scale-in', () => {
  const since = { sinceMs: NOW - 5_000, reason: 'all fail alike', probes: 0 }
  const shared = { outage: { ...since, cause: 'shared' as const } }
  assert.deepEqual(ask('outage', 5, at(3, shared)), [3, 'all fail alike'])
  assert.equal(ask('outage', 1, at(3, shared))[0], 3)
  const calm = { outage: { ...shared.outage, calmSinceMs: NOW } }
  assert.equal(ask('outage', 5, at(3, calm))[0], 5)
  assert.equal(ask('outage', 1, at(3, calm))[0], 3)
  const capacity = { outage: { ...since, cause: 'capacity' as const } }
  assert.equal(ask('outage', 5, at(3, capacity))[0], 5)
  assert.equal(ask('outage', 1, at(3, capacity))[0], 3)
  assert.equal(ask('outage', 1, at(3))[0], 1)
})

test('settle waits for a whole window in which fewer were wanted', () => {
  const wants = (...list: readonly (readonly [agoMs: number, instances: number])[]) => ({
    wants: list.map(([agoMs, instances]) => ({ atMs: NOW - agoMs, instances })),
  })
  assert.equal(ask('settle', 2, at(6))[0], 6)
  assert.equal(ask('settle', 2, at(6, wants([19_000, 2], [1_000, 2])))[0], 6)
  assert.equal(ask('settle', 2, at(6, wants([20_000, 2], [1_000, 2])))[0], 2)
  assert.equal(ask('settle', 2, at(6, wants([25_000, 9], [10_000, 4], [1_000, 2])))[0], 4)
  assert.equal(ask('settle', 2, at(6, wants([25_000, 2], [10_000, 8], [1_000, 2])))[0], 6)
  assert.equal(ask('settle', 8, at(6, wants([25_000, 2])))[0], 8)
})

test('settle does not scale in while something is starting', () => {
  const seen = seenOf([instance(1), instance(2), instance(3, { phase: 'starting' })])
  const wants = [{ atMs: NOW - 30_000, instances: 1 }]
  const context = contextOf({ seen, memory: groupMemory(3, { wants }) })
  assert.deepEqual(ask('settle', 1, context), [3, 'instances are still starting'])
})

test('store stops scale-in while ticks can not be kept', () => {
  const unwritable = { storeWritable: false }
  assert.equal(ask('store', 1, at(3, {}, unwritable))[0], 3)
  assert.equal(ask('store', 5, at(3, {}, unwritable))[0], 5)
  assert.equal(ask('store', 1, at(3))[0], 1)
})

test('host binds only a group that is a real part of the load, or whose part is not known', () => {
  const instances = Array.from({ length: 3 }, (_, n) => instance(n + 1))
  const full = (cpuPercent: Reading) =>
    contextOf({
      seen: seenOf(instances, { cpuPercent }),
      memory: groupMemory(3),
      observation: { hostCpuPercent: value(99), hostCores: 2 },
    })
  assert.equal(ask('host', 6, full(value(5)))[0], 6)
  assert.equal(ask('host', 1, full(value(5)))[0], 1)
  assert.equal(ask('host', 6, full(value(60)))[0], 3)
  assert.match(ask('host', 6, full(value(60)))[1], /180 of 200 by this group/)
  assert.equal(ask('host', 6, full(MISSING))[0], 3)
})

test('host moves neither way where the machine is full, and says that more can not help', () => {
  const full = at(3, {}, { hostCpuPercent: value(95) })
  assert.equal(ask('host', 6, full)[0], 3)
  assert.match(ask('host', 6, full)[1], /CPU 95 %.*can't help/)
  assert.equal(ask('host', 1, full)[0], 3)
  assert.equal(ask('host', 6, at(3, {}, { hostCpuPercent: value(94.9) }))[0], 6)
  assert.equal(ask('host', 6, at(3, {}, { hostCpuPercent: MISSING }))[0], 6)
})

test('step: out to three times or four more, in by half', () => {
  assert.equal(ask('step', 50, at(1))[0], 5)
  assert.equal(ask('step', 50, at(3))[0], 9)
  assert.equal(ask('step', 0, at(8))[0], 4)
  assert.equal(ask('step', 0, at(1))[0], 0)
  assert.equal(ask('step', 0, at(3))[0], 2)
  assert.equal(ask('step', 9, at(3))[0], 9)
})

test('cooldown stops a further scale-out, never scale-in', () => {
  const cooling = (agoMs: number) => at(3, { scaledOutAtMs: NOW - agoMs })
  assert.equal(ask('cooldown', 6, cooling(2_999))[0], 3)
  assert.equal(ask('cooldown', 6, cooling(3_000))[0], 6)
  assert.equal(ask('cooldown', 1, cooling(0))[0], 1)
  assert.equal(ask('cooldown', 6, at(3))[0], 6)
})

test('bounds are those of the file', () => {
  assert.deepEqual(ask('bounds', 9, at(3)), [8, 'max_instances is 8'])
  assert.deepEqual(ask('bounds', 1, at(3)), [2, 'min_instances is 2'])
  assert.equal(ask('bounds', 8, at(3))[0], 8)
  assert.equal(ask('bounds', 2, at(3))[0], 2)
})

test('budget stops scale-out at what fits, and never scales in what runs', () => {
  const group = groupSpec({ needs: ['db'] })
  const withTotal = (total: number, current: number) => {
    const resources = [{ name: 'db', connections: { total, perInstance: 10 } }]
    const seen = seenOf(Array.from({ length: current }, (_, n) => instance(n + 1)))
    const spec = specOf([group], { resources })
    return contextOf({ group, spec, seen, memory: groupMemory(current) })
  }
  assert.equal(ask('budget', 8, withTotal(45, 2))[0], 4)
  assert.match(ask('budget', 8, withTotal(45, 2))[1], /db allows 45.*4 instances at most/)
  assert.equal(ask('budget', 8, withTotal(20, 5))[0], 5)
  assert.equal(ask('budget', 3, withTotal(20, 5))[0], 3)
  assert.equal(ask('budget', 4, withTotal(45, 2))[0], 4)
})

test('budget keeps what is in reserve', () => {
  const group = groupSpec({ needs: ['db'] })
  const resources = [{ name: 'db', connections: { total: 100, perInstance: 10, reserve: 45 } }]
  const spec = specOf([group], { resources })
  const context = contextOf({ group, spec, seen: seenOf([instance(1), instance(2)]) })
  assert.equal(ask('budget', 8, context)[0], 5)
  assert.match(ask('budget', 8, context)[1], /allows 100 connections, 45 of them in reserve/)
})
