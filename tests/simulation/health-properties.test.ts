// What holds of failing checks whatever happens, over random sequences of trouble.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { MemoryWorld } from '../../src/adapters/memory/world.ts'
import type { CheckFailure } from '../../src/core/health/model.ts'
import type { Action, Tick } from '../../src/core/model.ts'
import { groupSpec, Loop, specOf } from './loop.ts'

// The same worlds each time: a new one that fails is for whoever looks for it, not for a build.
const RUNS = { numRuns: 60, seed: 4 }

type Trouble =
  | { readonly kind: 'hang' | 'break' | 'crash'; readonly which: number }
  | { readonly kind: 'fail'; readonly check: CheckFailure }
  | { readonly kind: 'load'; readonly rps: number }
  | { readonly kind: 'errors'; readonly share: number }
  | { readonly kind: 'impatient' | 'stillborn' | 'stall' | 'busy' | 'heal' | 'nothing' }

const trouble: fc.Arbitrary<Trouble> = fc.oneof(
  fc.record({ kind: fc.constantFrom('hang', 'break', 'crash'), which: fc.nat(7) }),
  fc.record({
    kind: fc.constant('fail' as const),
    check: fc.constantFrom<CheckFailure>('refused', 'silent', 'answered'),
  }),
  fc.record({ kind: fc.constant('load' as const), rps: fc.nat(1_200) }),
  fc.record({
    kind: fc.constant('errors' as const),
    share: fc.double({ min: 0, max: 1, noNaN: true }),
  }),
  fc.record({
    kind: fc.constantFrom('impatient', 'stillborn', 'stall', 'busy', 'heal', 'nothing', 'nothing'),
  }),
) as fc.Arbitrary<Trouble>
/** Each trouble, and for how many seconds the world is left to itself after it. */
const story = fc.array(fc.tuple(trouble, fc.integer({ min: 1, max: 15 })), { maxLength: 14 })

function suffer(loop: Loop, what: Trouble): void {
  const { balancer, provider } = loop.world
  const ids = provider.all().filter((i) => i.phase === 'ready')
  const id = 'which' in what ? ids[what.which % Math.max(1, ids.length)]?.id : undefined
  if (what.kind === 'hang' && id !== undefined) balancer.hung.add(id)
  if (what.kind === 'break' && id !== undefined) balancer.breaking.set(id, 0.5)
  if (what.kind === 'crash' && id !== undefined) provider.crash(id)
  if (what.kind === 'fail') balancer.failing = { check: what.check, reason: what.check }
  if (what.kind === 'load') balancer.load.set('web', { ...LOAD, rps: what.rps })
  if (what.kind === 'errors') balancer.errorsShare = what.share
  if (what.kind === 'impatient') balancer.patienceMs = 1_000
  if (what.kind === 'stillborn') provider.stillborn = true
  if (what.kind === 'stall') provider.stalls = true
  if (what.kind === 'busy') provider.cpuPercent = 97
  if (what.kind === 'heal') heal(loop)
}

const LOAD = { rps: 150, serviceMs: 100, slots: 10 }

function heal({ world: { balancer, provider } }: Loop): void {
  balancer.hung.clear()
  balancer.breaking.clear()
  Object.assign(balancer, { failing: undefined, errorsShare: 0, patienceMs: 1e12 })
  Object.assign(provider, { stillborn: false, stalls: false, cpuPercent: 30 })
}

async function begun(instances: number): Promise<Loop> {
  const { scaling } = groupSpec()
  const bounds = { ...scaling, minInstances: instances, maxInstances: instances + 4 }
  const loop = new Loop(new MemoryWorld(), specOf([groupSpec({ scaling: bounds })]))
  await loop.turns(5)
  loop.world.balancer.load.set('web', LOAD)
  await loop.turns(10)
  return loop
}

const FOR_HEALTH = /does not answer|fails its check|breaks .* requests/

function leftForHealth(tick: Tick): readonly Action[] {
  return tick.plan.actions.filter((a) => a.kind === 'drain' && FOR_HEALTH.test(a.reason))
}

test('whatever fails: no scale-in in an outage or by errors, one replacement at a time', async () => {
  const seen = new Set<string>()
  await fc.assert(
    fc.asyncProperty(story, fc.integer({ min: 1, max: 5 }), async (events, instances) => {
      const loop = await begun(instances)
      for (const [what, seconds] of events) {
        suffer(loop, what)
        for (let second = 0; second < seconds; second++) {
          check(loop, await loop.turn())
          const { outage, replacing } = loop.memory.groups.web ?? {}
          if (outage !== undefined) seen.add(outage.cause)
          if (replacing !== undefined) seen.add(replacing.breaks ? 'liar' : 'hung')
          if (replacing?.surge === true) seen.add('surge')
        }
      }
      check(loop, await comesToRest(loop))
    }),
    RUNS,
  )
  assert.deepEqual([...seen].sort(), ['capacity', 'hung', 'liar', 'shared', 'surge'])
})

function check(loop: Loop, tick: Tick): void {
  const decision = tick.decisions[0]
  const { outage, desired = 0 } = loop.memory.groups.web ?? {}
  assert.ok(decision)
  if (outage !== undefined) assert.ok(decision.to >= decision.from, decision.reason)
  const shared = outage?.cause === 'shared' && outage.calmSinceMs === undefined
  if (shared) assert.equal(decision.to, decision.from, decision.reason)
  const { errorsRatio, responses } = tick.observation.groups[0]?.readings ?? {}
  const share = errorsRatio?.kind === 'value' ? errorsRatio.value : 0
  const count = responses?.kind === 'value' ? responses.value : 0
  if (share >= 0.05 && share * count >= 3) assert.ok(decision.to >= decision.from, decision.reason)
  // Who leaves for its health is one, and its successor is one more than wanted at most.
  const leaving = leftForHealth(tick)
  assert.ok(leaving.length <= 1)
  for (const action of leaving) assert.deepEqual(others(loop, tick, action), [])
  const alive = loop.world.provider.all().filter((i) => i.phase === 'starting')
  const before = tick.observation.groups[0]?.status
  const ready = before?.kind === 'known' ? before.instances.filter((i) => i.phase === 'ready') : []
  const most = Math.max(desired, ready.length) + 1
  assert.ok(alive.length + loop.count('ready') <= most, `more than ${most} instances`)
}

// Successors of others than the one that leaves now, still starting; one that takes more than half
// a minute is not waited for.
function others(loop: Loop, tick: Tick, leaving: Action): readonly string[] {
  const status = tick.observation.groups[0]?.status
  const instances = status?.kind === 'known' ? status.instances : []
  const young = instances.filter((i) => {
    return i.phase === 'starting' && tick.observation.atMs - i.startedAtMs < 30_000
  })
  const starts = loop.ticks.flatMap((t) => t.plan.actions).filter((a) => a.kind === 'start')
  const own = 'instance' in leaving ? `in place of ${leaving.instance}:` : ''
  const successors = starts.filter((a) => {
    return FOR_HEALTH.test(a.reason) && !a.reason.startsWith(own)
  })
  return young.map((i) => i.id).filter((id) => successors.some((a) => a.instance === id))
}

// Once nothing fails any more, it comes to rest, with all of them well.
async function comesToRest(loop: Loop): Promise<Tick> {
  heal(loop)
  loop.world.balancer.load.set('web', { ...LOAD, rps: 0 })
  await loop.turns(150)
  const from = loop.ticks.length
  await loop.turns(10)
  const late = loop.ticks.slice(from).flatMap((t) => t.plan.actions)
  assert.deepEqual(late, [])
  const { outage, replacing } = loop.memory.groups.web ?? {}
  assert.deepEqual([outage, replacing], [undefined, undefined])
  assert.equal(loop.count('ready'), loop.desired())
  return loop.turn()
}

test('one that hangs while the others are well is replaced within three seconds', async () => {
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 2, max: 7 }), fc.nat(6), fc.nat(20), async (n, k, waitS) => {
      const loop = await begun(n)
      await loop.turns(waitS)
      const victim = loop.world.provider.all()[k % n]
      assert.ok(victim)
      const from = loop.ticks.length
      loop.world.balancer.hung.add(victim.id)
      await loop.turns(3)
      const actions = loop.ticks.slice(from).flatMap((t) => t.plan.actions)
      const started = actions.some((a) => a.kind === 'start' && a.reason.includes(victim.id))
      assert.ok(started, JSON.stringify(actions))
      await loop.turns(20)
      assert.ok(!loop.world.provider.all().some((i) => i.id === victim.id))
    }),
    RUNS,
  )
})

test('a shared cause takes nobody away for as long as nothing new becomes ready', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 2, max: 6 }),
      fc.constantFrom<CheckFailure>('answered', 'refused'),
      fc.integer({ min: 10, max: 400 }),
      async (n, how, seconds) => {
        const loop = await begun(n)
        const ids = loop.world.provider.all().map((i) => i.id)
        loop.world.balancer.failing = { check: how, reason: 'the database is away' }
        loop.world.provider.stalls = true
        await loop.turns(seconds)
        const left = loop.world.provider.all().filter((i) => i.phase === 'ready')
        assert.deepEqual(
          left.map((i) => i.id),
          ids,
        )
      },
    ),
    RUNS,
  )
})
