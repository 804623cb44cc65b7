// Failing checks and 502s as stories: who is replaced, when the group grows, when it holds still.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MemoryWorld } from '../../src/adapters/memory/world.ts'
import type { Action } from '../../src/core/model.ts'
import { groupSpec, Loop, specOf } from './loop.ts'

const CALM = { rps: 200, serviceMs: 100, slots: 10 }
const DOWN = { check: 'answered', reason: 'GET /healthz answered 503' } as const

async function calmLoop(change: Parameters<typeof groupSpec>[0] = {}): Promise<Loop> {
  const base = groupSpec()
  const scaling = { ...base.scaling, minInstances: 4 }
  const loop = new Loop(new MemoryWorld(), specOf([groupSpec({ scaling, ...change })]))
  await loop.turns(5)
  loop.world.balancer.load.set('web', CALM)
  await loop.turns(25)
  assert.equal(loop.count('ready'), 4)
  return loop
}

/** What was done from a tick on, as `start`, `drain` and so on. */
function done(loop: Loop, from: number, kind: Action['kind']): number {
  const actions = loop.ticks.slice(from).flatMap((t) => t.plan.actions)
  return actions.filter((a) => a.kind === kind).length
}

function doneSince(loop: Loop): (kind: Action['kind']) => number {
  const from = loop.ticks.length
  return (kind) => done(loop, from, kind)
}

test('one hung instance is replaced within three seconds: one start, one stop', async () => {
  const loop = await calmLoop()
  const counted = doneSince(loop)
  loop.world.balancer.hung.add('web-2')
  await loop.turns(3)
  assert.equal(counted('start'), 1)
  assert.equal(counted('drain'), 1)
  await loop.turns(30)
  assert.deepEqual([counted('start'), counted('drain')], [1, 1])
  assert.ok(!loop.world.provider.all().some((i) => i.id === 'web-2'))
  assert.equal(loop.count('ready'), 4)
})

test('of two hung ones the second waits for the first', async () => {
  const loop = await calmLoop({ scaling: { ...groupSpec().scaling, minInstances: 4 } })
  const counted = doneSince(loop)
  loop.world.balancer.hung.add('web-2')
  loop.world.balancer.hung.add('web-3')
  for (let second = 0; second < 30; second++) {
    await loop.turn()
    // Four are wanted: at most one of them is on its way.
    assert.ok(loop.count('starting') <= 1)
  }
  assert.deepEqual([counted('start'), counted('drain')], [2, 2])
})

test('what replaces a hung one and hangs, too, is replaced later and later', async () => {
  const loop = await calmLoop()
  const counted = doneSince(loop)
  for (let second = 0; second < 300; second++) {
    const youngest = loop.world.provider
      .all()
      .filter((i) => i.phase === 'ready')
      .at(-1)
    if (loop.world.balancer.hung.size === counted('drain')) {
      loop.world.balancer.hung.add(youngest?.id ?? '')
    }
    await loop.turn()
  }
  // Two at once, then after 5, 10, 20, 40, 60, 60, ... seconds.
  assert.ok(counted('drain') >= 6 && counted('drain') <= 10, `${counted('drain')} drains`)
  assert.equal(counted('start'), counted('drain'))
})

test('a hung one whose replacements die is not followed by others', async () => {
  const loop = await calmLoop()
  const counted = doneSince(loop)
  loop.world.provider.stillborn = true
  loop.world.balancer.hung.add('web-2')
  loop.world.balancer.hung.add('web-3')
  await loop.turns(120)
  assert.ok(counted('drain') <= 2, `${counted('drain')} drains`)
  assert.ok(counted('start') <= 12, `${counted('start')} starts`)
  assert.ok(loop.count('ready') >= 2)
})

test('checks that fail under overload scale the group out, and no busy instance is taken', async () => {
  // Sized by CPU that waits for something else: only the checks tell of the overload.
  const loop = await calmLoop({ signals: [], slo: {}, http: { ...http(), maxInFlight: 10 } })
  const counted = doneSince(loop)
  loop.world.balancer.patienceMs = 1_000
  loop.world.balancer.load.set('web', { ...CALM, rps: 600 })
  const reasons: string[] = []
  for (let second = 0; second < 90; second++) {
    await loop.turn()
    reasons.push(loop.reason())
  }
  assert.ok(
    reasons.some((r) =>
      /4 of 4 instances fail their check while they are full \(.*in flight each, 10 is full\): more are wanted, 6/.test(
        r,
      ),
    ),
    reasons.join('\n'),
  )
  assert.equal(loop.desired(), 8)
  assert.equal(counted('start'), 4)
  assert.equal(counted('drain') + counted('stop') + counted('kill'), 0)
})

function http() {
  const { http: base } = groupSpec()
  assert.ok(base)
  return base
}

test('a shared database down for a minute: named, nothing replaced or scaled in, then as before', async () => {
  const loop = await calmLoop()
  await loop.turn([scale(loop, 7)])
  await loop.turns(20)
  assert.equal(loop.count('ready'), 7)
  const counted = doneSince(loop)
  const { balancer, provider } = loop.world
  Object.assign(balancer, { failing: DOWN, errorsShare: 1 })
  provider.stalls = true
  balancer.load.set('web', { ...CALM, rps: 20 })
  await loop.turns(60)
  assert.match(
    loop.reason(),
    /^all 7 instances fail their check alike \(GET \/healthz answered 503\): a shared cause; nothing is replaced or scaled in/,
  )
  assert.deepEqual([loop.desired(), loop.count('ready')], [7, 7])
  // Two were tried anew, and never became ready: nobody left for them.
  assert.deepEqual([counted('start'), counted('drain')], [2, 0])
  Object.assign(balancer, { failing: undefined, errorsShare: 0 })
  provider.stalls = false
  balancer.load.set('web', CALM)
  await loop.turns(25)
  assert.equal(loop.desired(), 7)
  await loop.turns(60)
  assert.deepEqual([loop.desired(), loop.count('ready')], [4, 4])
  assert.equal(counted('start'), 2)
})

function scale(loop: Loop, instances: number) {
  const untilMs = loop.world.clock.now() + 40_000
  return { kind: 'scale', id: 'c', group: 'web', by: 'ops', untilMs, instances } as const
}

test('an hour of a shared cause is a handful of tries, and never one instance fewer', async () => {
  const loop = await calmLoop()
  const counted = doneSince(loop)
  loop.world.balancer.failing = DOWN
  loop.world.provider.stalls = true
  for (let second = 0; second < 3_600; second++) {
    await loop.turn()
    assert.equal(loop.count('ready'), 4)
    assert.ok(loop.count('starting') <= 1)
  }
  assert.ok(counted('start') >= 5 && counted('start') <= 10, `${counted('start')} starts`)
  assert.equal(counted('drain'), 0)
})

test('where a restart heals, the first one that shows it is followed by the others', async () => {
  const loop = await calmLoop()
  const counted = doneSince(loop)
  // Deadlocked after a blip: idle, silent, and only the old ones.
  loop.world.balancer.load.set('web', { ...CALM, rps: 0 })
  for (const { id } of loop.world.provider.all()) loop.world.balancer.hung.add(id)
  await loop.turns(9)
  assert.deepEqual([counted('start'), counted('drain')], [0, 0])
  await loop.turns(120)
  assert.deepEqual([counted('start'), counted('drain')], [4, 4])
  assert.equal(loop.count('ready'), 4)
})

test('all hang under load: more come first, then the hung ones go one by one', async () => {
  const loop = await calmLoop()
  for (const { id } of loop.world.provider.all()) loop.world.balancer.hung.add(id)
  await loop.turns(150)
  const left = loop.world.provider.all().filter((i) => loop.world.balancer.hung.has(i.id))
  assert.deepEqual(left, [])
  assert.ok(loop.count('ready') >= 4)
})

test('a liar passes its checks and breaks requests: replaced alone, after another one serves', async () => {
  const loop = await calmLoop()
  const counted = doneSince(loop)
  loop.world.balancer.breaking.set('web-3', 0.4)
  const least: number[] = []
  for (let second = 0; second < 60; second++) {
    await loop.turn()
    const active = loop.world.balancer.groups[0]?.targets.filter((t) => t.state === 'active')
    least.push(active?.length ?? 0)
  }
  assert.deepEqual([counted('start'), counted('drain')], [1, 1])
  assert.ok(Math.min(...least) >= 4)
  assert.ok(!loop.world.provider.all().some((i) => i.id === 'web-3'))
  const said = loop.ticks.flatMap((t) => t.plan.actions).find((a) => a.kind === 'drain')
  assert.match(said?.reason ?? '', /it breaks 200 of 500 requests, the others 0 of 1500/)
})

test('a request that breaks whoever gets it makes nobody a liar', async () => {
  const loop = await calmLoop()
  const counted = doneSince(loop)
  for (const [n, { id }] of loop.world.provider.all().entries()) {
    loop.world.balancer.breaking.set(id, 0.2 + n * 0.05)
  }
  await loop.turns(60)
  assert.deepEqual([counted('start'), counted('drain')], [0, 0])
})

test('errors that drive clients away are not low load', async () => {
  const loop = await calmLoop()
  await loop.turn([scale(loop, 8)])
  loop.world.balancer.errorsShare = 0.3
  loop.world.balancer.load.set('web', { ...CALM, rps: 10 })
  await loop.turns(60)
  assert.equal(loop.desired(), 8)
  assert.match(loop.reason(), /errors: no scale-in while 30 % of responses fail \(5 % may\)/)
  loop.world.balancer.errorsShare = 0
  await loop.turns(15)
  assert.equal(loop.desired(), 8)
  await loop.turns(60)
  assert.equal(loop.desired(), 4)
})
