// Seeded worlds in which everything breaks: what must hold in every one of them, and that it is
// noticed if not.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MemoryWorld } from '../../src/adapters/memory/world.ts'
import { decide } from '../../src/core/decide.ts'
import { GUARDS } from '../../src/core/guards/chain.ts'
import { EMPTY_MEMORY } from '../../src/core/memory.ts'
import type { Command, Tick } from '../../src/core/model.ts'
import { makePlan } from '../../src/core/plan.ts'
import type { Random } from '../../src/core/ports.ts'
import { remember } from '../../src/core/remember.ts'
import { recover } from '../../src/engine/recover.ts'
import { seeded } from '../../src/lab/random.ts'
import { groupSpec, Loop, specOf } from './loop.ts'

const SEEDS = 90
const SECONDS = 150

const BROKEN = { check: 'answered', reason: 'GET /healthz answered 503' } as const

/** Guards that stand on more than these worlds have; pacing.test.ts shows them at work. */
const APART = ['downstream', 'hours', 'projection', 'schedule']

/** Which guards changed something, over all seeds: every one must have had its chance. */
const fired = new Set<string>()
let replayed = 0

for (const part of [0, 1, 2]) {
  test(`worlds ${part * (SEEDS / 3)} to ${(part + 1) * (SEEDS / 3) - 1}`, async () => {
    for (let k = 0; k < SEEDS / 3; k++) {
      const seed = part * (SEEDS / 3) + k
      await play(seed).catch((error: unknown) => {
        throw new Error(`seed ${seed}: ${(error as Error).message}`, { cause: error })
      })
    }
  })
}

test('every guard fired somewhere, and whole runs were replayed', () => {
  assert.ok(replayed >= 5, `${replayed} runs`)
  const expected = GUARDS.map(([name]) => name).filter((name) => !APART.includes(name))
  assert.deepEqual([...fired].sort(), expected.sort())
})

async function play(seed: number): Promise<void> {
  const random = seeded(seed)
  const whole = seed % 3 === 0
  const world = new MemoryWorld()
  world.provider.bootMs = 500 + random() * 6_000
  const connections = { total: 70, perInstance: 10 }
  const spec = specOf([groupSpec({ needs: ['db'] })], { resources: [{ name: 'db', connections }] })
  const loop = new Loop(world, spec)
  for (let second = 0; second < SECONDS; second++) {
    const alive = aliveIn(world)
    const commands = shake(loop, random)
    // Whole runs can only be replayed where everything was stored, by one controller.
    if (whole) world.store.broken = false
    const tick = await loop.turn(commands)
    check(tick, alive, world)
    if (!whole && random() < 0.01) restartController(loop)
  }
  await settles(loop)
  replays(loop)
}

function aliveIn(world: MemoryWorld): number {
  return world.provider.all().filter((i) => i.phase === 'ready' || i.phase === 'starting').length
}

// One second's bad luck.
function shake(loop: Loop, random: Random): readonly Command[] {
  const { world } = loop
  const chance = (p: number) => random() < p
  const load = { rps: chance(0.5) ? 100 : random() * 1_500, serviceMs: 100, slots: 10 }
  if (chance(0.08)) world.balancer.load.set('web', load)
  if (chance(0.02)) world.balancer.garbled = !world.balancer.garbled
  if (chance(0.02)) world.balancer.down = true
  if (chance(0.03)) world.provider.unreachable = !world.provider.unreachable
  if (chance(0.02)) world.provider.stillborn = !world.provider.stillborn
  if (chance(0.03)) world.store.broken = !world.store.broken
  if (chance(0.03)) world.hostCpu = [undefined, 30, 99][Math.floor(random() * 3)]
  if (chance(0.02)) world.clock.advance(random() * 30_000)
  const ids = world.provider.all().map((i) => i.id)
  const victim = ids[Math.floor(random() * ids.length)]
  if (victim !== undefined && chance(0.05)) world.provider.crash(victim)
  if (victim !== undefined && chance(0.02)) world.balancer.hung.add(victim)
  if (victim !== undefined && chance(0.01)) world.balancer.breaking.set(victim, random())
  if (chance(0.02))
    world.balancer.failing = world.balancer.failing === undefined ? BROKEN : undefined
  if (chance(0.03)) world.balancer.errorsShare = chance(0.5) ? random() : 0
  if (chance(0.02)) world.balancer.patienceMs = chance(0.5) ? 1_000 : Number.POSITIVE_INFINITY
  const untilMs = world.clock.now() + random() * 20_000
  const base = { id: `c${world.clock.now()}`, group: 'web', by: 'sim' }
  if (chance(0.01)) return [{ ...base, kind: 'hold', untilMs }]
  if (chance(0.01)) return [{ ...base, kind: 'restart' }]
  const instances = 2 + Math.floor(random() * 5)
  return chance(0.01) ? [{ ...base, kind: 'scale', instances, untilMs }] : []
}

function check(tick: Tick, aliveBefore: number, world: MemoryWorld): void {
  const decision = tick.decisions[0]
  assert.ok(decision !== undefined)
  for (const a of decision.adjustments) fired.add(a.guard)
  assert.ok(decision.to >= 2 && decision.to <= 8, `out of bounds: ${decision.to}`)
  const seen = tick.observation.groups[0]
  const blind = seen?.status.kind === 'unknown' || seen?.readings.inFlight.kind === 'missing'
  const manual = /set to/.test(decision.reason)
  if (blind && !manual) assert.ok(decision.to >= decision.from, 'scaled in while blind')
  if (!tick.observation.storeWritable && !manual)
    assert.ok(decision.to >= decision.from, 'in, unstored')
  const held = tick.decisions[0]?.recommendations.some(
    (r) => r.policy === 'health' && r.kind === 'want',
  )
  if (held && !manual) assert.ok(decision.to >= decision.from, 'scaled in during an outage')
  const running = world.provider.all().filter((i) => i.phase !== 'exited').length
  assert.ok(running <= Math.max(7, aliveBefore), `${running} instances over the budget of 7`)
  const ids = world.provider.all().map((i) => i.id)
  assert.equal(new Set(ids).size, ids.length)
  for (const outcome of tick.outcomes ?? []) {
    assert.ok(tick.plan.actions.includes(outcome.action), 'an outcome without its action')
  }
}

// A new process has only what the store kept.
function restartController(loop: Loop): void {
  const wasBroken = loop.world.store.broken
  const { recovered } = recover(loop.world.store)
  // What could not be stored is not known after a restart; the rest must be exact.
  if (!wasBroken && loop.missingTicks === 0) {
    assert.deepEqual(recovered.memory, JSON.parse(JSON.stringify(loop.memory)))
  }
  loop.restart(recovered.memory)
}

// When the bad luck ends and the load is steady, it comes to rest where it belongs.
async function settles(loop: Loop): Promise<void> {
  const { world } = loop
  world.balancer.garbled = false
  world.provider.unreachable = false
  world.provider.stillborn = false
  world.store.broken = false
  world.hostCpu = 20
  world.balancer.hung.clear()
  world.balancer.breaking.clear()
  world.balancer.failing = undefined
  world.balancer.errorsShare = 0
  world.balancer.load.set('web', { rps: 300, serviceMs: 100, slots: 10 })
  await loop.turns(180)
  const before = loop.ticks.length
  await loop.turns(20)
  const late = loop.ticks.slice(before)
  assert.equal(loop.count('ready'), 4, `not 4 ready but ${loop.count('ready')}: ${loop.reason()}`)
  assert.deepEqual(
    late.flatMap((t) => t.plan.actions),
    [],
    'still acting under a steady load',
  )
  const active = world.balancer.groups[0]?.targets.filter((t) => t.state === 'active').length
  assert.equal(active, 4)
}

// The stored observations lead to the same decisions and plans again.
function replays(loop: Loop): void {
  const { recovered } = recover(loop.world.store)
  if (loop.missingTicks === 0) {
    assert.deepEqual(recovered.memory, JSON.parse(JSON.stringify(loop.memory)))
  }
  if (loop.missingTicks > 0 || loop.restarts > 0) return
  replayed++
  let memory = EMPTY_MEMORY
  for (const tick of loop.ticks) {
    const stored = JSON.parse(JSON.stringify(tick)) as Tick
    const decided = decide(loop.spec, stored.observation, memory)
    assert.deepEqual(JSON.parse(JSON.stringify(decided.decisions)), stored.decisions)
    const plan = makePlan(loop.spec, stored.observation, decided.memory)
    assert.deepEqual(JSON.parse(JSON.stringify(plan)), stored.plan)
    const outcomes = stored.outcomes ?? []
    memory = remember(decided.memory, decided.decisions, outcomes, stored.observation.atMs)
  }
}
