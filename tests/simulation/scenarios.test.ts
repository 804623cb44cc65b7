// The loop as a story: what happens, second by second, in the situations people fear.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MemoryWorld } from '../../src/adapters/memory/world.ts'
import type { Command } from '../../src/core/model.ts'
import { groupSpec, Loop, specOf } from './loop.ts'

const CALM = { rps: 100, serviceMs: 100, slots: 10 }
const SPIKE = { ...CALM, rps: 600 }

async function calmLoop(
  change: Parameters<typeof groupSpec>[0] = {},
  resources = specOf([]).resources,
) {
  const world = new MemoryWorld()
  const loop = new Loop(world, specOf([groupSpec(change)], { resources }))
  await calm(loop)
  return loop
}

// Load comes once the instances are there, as it does where something was served before.
async function calm(loop: Loop): Promise<void> {
  await loop.turns(5)
  loop.world.balancer.load.set('web', CALM)
  await loop.turns(25)
}

function command(loop: Loop, change: Partial<Command> & { kind: Command['kind'] }): Command {
  const untilMs = loop.world.clock.now() + 60_000
  return { id: 'c', group: 'web', by: 'ops', untilMs, ...change } as Command
}

test('a start brings up the minimum, behind the balancer', async () => {
  const loop = await calmLoop()
  assert.equal(loop.count('ready'), 2)
  const targets = loop.world.balancer.groups[0]?.targets.map((t) => [t.instance, t.state])
  assert.deepEqual(targets, [
    ['web-1', 'active'],
    ['web-2', 'active'],
  ])
})

test('a 6× spike is answered in at most two steps, and taken back after it', async () => {
  const loop = await calmLoop()
  loop.world.balancer.load.set('web', SPIKE)
  await loop.turns(15)
  const steps = loop.ticks
    .slice(30)
    .flatMap((t) => t.decisions)
    .filter((d) => d.to > d.from)
  assert.ok(steps.length >= 1 && steps.length <= 2, `${steps.length} steps`)
  assert.equal(loop.count('ready'), 8)
  loop.world.balancer.load.set('web', CALM)
  await loop.turns(60)
  assert.equal(loop.count('ready'), 2)
  assert.equal(loop.world.provider.all().length, 2)
})

test('missing is not zero: an outage of the balancer never scales in, and says why', async () => {
  const loop = await calmLoop()
  loop.world.balancer.load.set('web', SPIKE)
  await loop.turns(15)
  loop.world.balancer.load.set('web', CALM)
  loop.world.balancer.garbled = true
  await loop.turns(120)
  assert.equal(loop.count('ready'), 8)
  assert.match(loop.reason(), /blind: no scale-in without target.in_flight.*NaN/)
})

test('a provider that can not be seen is held, not emptied', async () => {
  const loop = await calmLoop()
  loop.world.provider.unreachable = true
  await loop.turns(60)
  assert.equal(loop.desired(), 2)
  loop.world.provider.unreachable = false
  await loop.turns(5)
  assert.equal(loop.count('ready'), 2)
})

test('a crashed instance is replaced at once, and crash loops are put off longer and longer', async () => {
  const loop = await calmLoop()
  loop.world.provider.crash('web-1')
  await loop.turns(5)
  assert.equal(loop.count('ready'), 2)
  loop.world.provider.stillborn = true
  loop.world.provider.crash('web-2')
  await loop.turns(100)
  const starts = loop.ticks
    .slice(-100)
    .flatMap((t) => t.plan.actions)
    .filter((a) => a.kind === 'start')
  assert.ok(starts.length >= 3 && starts.length <= 12, `${starts.length} starts in 100 s`)
})

test('a connection budget stops scale-out, draining instances included, and is named', async () => {
  const connections = { total: 40, perInstance: 10 }
  const loop = await calmLoop({ needs: ['db'] }, [{ name: 'db', connections }])
  loop.world.balancer.load.set('web', SPIKE)
  for (let i = 0; i < 60; i++) {
    await loop.turn(i === 30 ? [command(loop, { kind: 'restart' })] : [])
    assert.ok(loop.world.provider.all().filter((p) => p.phase !== 'exited').length <= 4)
  }
  assert.match(
    loop.reason(),
    /budget: db allows 40 connections, 10 per instance: 4 instances at most/,
  )
  const generations = new Set(loop.world.provider.all().map((i) => i.generation))
  assert.deepEqual([...generations], ['aaaa.1'])
})

test('a full host moves neither way', async () => {
  const loop = await calmLoop()
  loop.world.hostCpu = 99
  loop.world.balancer.load.set('web', SPIKE)
  await loop.turns(30)
  assert.equal(loop.desired(), 2)
  assert.match(loop.reason(), /more instances can't help here/)
})

test('observe decides and changes nothing; a person is obeyed all the same', async () => {
  const loop = await calmLoop({ mode: 'observe' })
  loop.world.balancer.load.set('web', SPIKE)
  await loop.turns(20)
  assert.equal(loop.count('ready'), 2)
  assert.ok((loop.ticks.at(-1)?.decisions[0]?.to ?? 0) > 2)
  await loop.turn([command(loop, { kind: 'scale', instances: 3 } as never)])
  await loop.turns(5)
  assert.equal(loop.count('ready'), 3)
})

test('a manual number holds for its time, then the policies take over', async () => {
  const loop = await calmLoop()
  await loop.turn([command(loop, { kind: 'scale', instances: 6 } as never)])
  await loop.turns(55)
  assert.equal(loop.count('ready'), 6)
  await loop.turns(40)
  assert.equal(loop.count('ready'), 2)
})

test('hold keeps the number', async () => {
  const loop = await calmLoop()
  await loop.turn([command(loop, { kind: 'hold' })])
  loop.world.balancer.load.set('web', SPIKE)
  await loop.turns(30)
  assert.equal(loop.desired(), 2)
  assert.match(loop.reason(), /hold: held by ops/)
  await loop.turns(40)
  assert.equal(loop.desired(), 8)
})

test('a restart never serves with fewer, and stops at the first failure', async () => {
  const loop = await calmLoop()
  await loop.turn([command(loop, { kind: 'restart' })])
  for (let i = 0; i < 20; i++) {
    await loop.turn()
    const active = loop.world.balancer.groups[0]?.targets.filter((t) => t.state === 'active')
    assert.ok((active?.length ?? 0) >= 2)
  }
  assert.ok(loop.world.provider.all().every((i) => i.generation === 'aaaa.1'))
  loop.world.provider.stillborn = true
  await loop.turn([command(loop, { kind: 'restart' })])
  await loop.turns(20)
  assert.equal(loop.count('ready'), 2)
  assert.ok(loop.world.provider.all().every((i) => i.generation === 'aaaa.1'))
  assert.match(loop.memory.groups.web?.rolloutFailed?.reason ?? '', /before it was ready/)
})

test('a store that can not be written stops scale-in, not scale-out, and the gap is counted', async () => {
  const loop = await calmLoop()
  loop.world.store.broken = true
  loop.world.balancer.load.set('web', SPIKE)
  await loop.turns(15)
  assert.equal(loop.count('ready'), 8)
  loop.world.balancer.load.set('web', CALM)
  await loop.turns(60)
  assert.equal(loop.count('ready'), 8)
  assert.match(loop.reason(), /store: no scale-in/)
  assert.equal(loop.missingTicks, 75)
  loop.world.store.broken = false
  await loop.turns(60)
  assert.equal(loop.count('ready'), 2)
})

test('with CPU alone, a missed SLO wants one more step, and none when that did not help', async () => {
  const world = new MemoryWorld()
  const loop = new Loop(world, specOf([groupSpec({ signals: [] })]))
  await calm(loop)
  world.provider.cpuPercent = 30
  world.balancer.load.set('web', { rps: 260, serviceMs: 100, slots: 10 })
  await loop.turns(60)
  assert.equal(loop.count('ready'), 3)
  // The limit is elsewhere now: every request takes long, however many instances there are.
  world.balancer.load.set('web', { rps: 260, serviceMs: 900, slots: 1_000 })
  await loop.turns(90)
  assert.ok(loop.desired() <= 5, `${loop.desired()}`)
  assert.match(loop.reason(), /did not help|do not pile up/)
})

test('at its ceiling CPU is sized from what arrives', async () => {
  const world = new MemoryWorld()
  const loop = new Loop(world, specOf([groupSpec({ signals: [], slo: {} })]))
  world.provider.cpuPercent = 40
  await calm(loop)
  world.provider.cpuPercent = 100
  world.balancer.load.set('web', SPIKE)
  await loop.turns(8)
  // 100 requests/s cost 2 × 40 %: 600 cost 480 %, which is 6 at 80 %.
  const steps = loop.ticks
    .slice(30)
    .flatMap((t) => t.decisions)
    .filter((d) => d.to > d.from)
  assert.deepEqual([steps[0]?.from, steps[0]?.to], [2, 6])
})

test('a group that is gone from the file is drained', async () => {
  const loop = await calmLoop()
  const { withRetired } = await import('../../src/engine/controller.ts')
  loop.spec = withRetired(specOf([groupSpec({ name: 'api' })], { hash: 'other' }), loop.spec)
  await loop.turns(20)
  assert.equal(loop.world.provider.all().filter((i) => i.group === 'web').length, 0)
  assert.equal(loop.count('ready', 'api'), 2)
})
