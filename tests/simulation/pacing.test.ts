// Stories about what else moves or keeps the number: calendars, rolls, budgets, queues, what is
// saturated downstream. Where a guard makes the difference, the story is told without it too.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MemoryWorld } from '../../src/adapters/memory/world.ts'
import { decide, type LeftOut } from '../../src/core/decide.ts'
import { explain } from '../../src/core/explain.ts'
import type {
  Command,
  Decision,
  GroupReadings,
  GroupSpec,
  Instance,
  Memory,
  Observation,
} from '../../src/core/model.ts'
import type { ScheduleSpec } from '../../src/core/policies/model.ts'
import { groupSpec, Loop, specOf } from './loop.ts'
import { groupMemory, instance, observationOf, seenOf, value } from './moment.ts'

const CALM = { rps: 100, serviceMs: 100, slots: 10 }
const SPIKE = { ...CALM, rps: 600 }

async function loopOf(change: Partial<GroupSpec> = {}): Promise<Loop> {
  const loop = new Loop(new MemoryWorld(), specOf([groupSpec(change)]))
  await loop.turns(5)
  loop.world.balancer.load.set('web', CALM)
  await loop.turns(25)
  return loop
}

/** A window from the 20th minute of every hour on; the world begins at 00:16:40. */
function at20(change: Partial<ScheduleSpec>): Partial<GroupSpec> {
  const every = (from: number, to: number) => {
    return Array.from({ length: to - from + 1 }, (_, i) => from + i)
  }
  const days = { days: every(1, 31), months: every(1, 12), weekdays: every(0, 6), eitherDay: false }
  const starts = { minutes: [20], hours: every(0, 23), ...days }
  const base = { cron: '20 * * * *', starts, tz: 'UTC', durationMs: 120_000, except: [] }
  return { scaling: { ...groupSpec().scaling, schedule: [{ ...base, ...change }] } }
}

test('a floor of the schedule is there in its window, settles away after it, and is explained', async () => {
  const loop = await loopOf(at20({ minInstances: 5 }))
  await loop.turns(160)
  assert.equal(loop.desired(), 2)
  await loop.turns(20)
  assert.equal(loop.count('ready'), 5)
  const change = loop.ticks.find((t) => t.decisions.some((d) => d.to > d.from && d.from === 2))
  assert.ok(change)
  const lines = explain(change).join('\n')
  assert.match(lines, /web 2 → 5: schedule "20 \* \* \* \*" \(UTC\): at least 5 until .*00:22Z/)
  assert.match(lines, /binding: policy schedule; without it: 2/)
  await loop.turns(180)
  assert.equal(loop.count('ready'), 2)
})

test('a ceiling of the schedule holds a spike back, and after settling brings a group down', async () => {
  const loop = await loopOf(at20({ maxInstances: 4 }))
  loop.world.balancer.load.set('web', SPIKE)
  await loop.turns(160)
  assert.equal(loop.count('ready'), 8)
  await loop.turns(30)
  assert.ok(loop.desired() >= 4, 'settled before it may')
  await loop.turns(60)
  assert.equal(loop.desired(), 4)
  assert.match(loop.reason(), /schedule: schedule "20 .*at most 4 until/)
  await loop.turns(90)
  assert.equal(loop.count('ready'), 8)
})

test('a roll is over before anything is scaled in', async () => {
  const loop = await loopOf()
  loop.world.balancer.load.set('web', SPIKE)
  await loop.turns(15)
  assert.equal(loop.count('ready'), 8)
  loop.world.provider.bootMs = 9_000
  loop.world.balancer.load.set('web', CALM)
  const restart: Command = { kind: 'restart', id: 'c', group: 'web', by: 'ops' }
  await loop.turn([restart])
  await loop.turns(50)
  assert.equal(loop.desired(), 8)
  assert.match(loop.reason(), /deploy: no scale-in during a roll to generation aaaa\.1, \d to go/)
  await loop.turns(120)
  assert.ok(loop.world.provider.all().every((i) => i.generation === 'aaaa.1'))
  assert.equal(loop.count('ready'), 2)
})

test('a budget of instance-hours stops scale-out when it is used up, and begins anew at midnight', async () => {
  // Until midnight two instances need 47.4 h; a spike of ten minutes costs more than an hour.
  const scaling = { ...groupSpec().scaling, maxInstanceHours: 48.6 }
  const loop = await loopOf({ scaling })
  loop.world.balancer.load.set('web', SPIKE)
  await loop.turns(60)
  assert.equal(loop.desired(), 8)
  await loop.turns(600)
  assert.equal(loop.desired(), 8, 'it scales nothing in by itself')
  loop.world.balancer.load.set('web', CALM)
  await loop.turns(60)
  assert.equal(loop.desired(), 2)
  loop.world.balancer.load.set('web', SPIKE)
  await loop.turns(30)
  assert.equal(loop.desired(), 2)
  assert.match(loop.reason(), /hours: .* of the 48\.6 instance-hours of this day are used/)
  loop.world.clock.advance(24 * 3_600_000 - (loop.world.clock.now() % (24 * 3_600_000)))
  await loop.turns(30)
  assert.ok(loop.desired() >= 5, `${loop.desired()}`)
})

test('readings that are gone for ten minutes bring back what was wanted before', async () => {
  const loop = await loopOf()
  loop.world.balancer.load.set('web', SPIKE)
  await loop.turns(15)
  loop.world.balancer.garbled = true
  const untilMs = loop.world.clock.now() + 60_000
  await loop.turn([{ kind: 'scale', id: 'c', group: 'web', instances: 3, untilMs, by: 'ops' }])
  await loop.turns(580)
  assert.equal(loop.desired(), 3)
  await loop.turns(30)
  assert.equal(loop.desired(), 8)
  const back = loop.ticks.findLast((t) => t.decisions.some((d) => d.to > d.from))
  assert.match(
    back?.decisions[0]?.reason ?? '',
    /blind: without target.*at least the last good want, 8/,
  )
})

// ── the core alone, over readings that no adapter has yet ───────────────────────────────────────

const START_MS = 10_000_000
const BOOT_S = 10

interface Story {
  readonly group: Partial<GroupSpec>
  readonly instances: number
  readonly seconds: number
  /** What is read in a second, with so many ready. */
  readonly readings: (second: number, ready: number) => Partial<GroupReadings>
  readonly observed?: (second: number) => Partial<Observation>
  readonly without?: LeftOut
}

/** The decisions of each second, over instances that boot and leave as they are told. */
function told(story: Story): readonly Decision[] {
  const group = groupSpec(story.group)
  const spec = specOf([group])
  let memory: Memory = { groups: { web: groupMemory(story.instances) }, shutdown: false }
  let fleet: readonly Instance[] = Array.from({ length: story.instances }, (_, n) =>
    instance(n + 1),
  )
  let next = story.instances
  return Array.from({ length: story.seconds }, (_, second) => {
    const atMs = START_MS + second * 1_000
    fleet = fleet.map((i) => booted(i, atMs))
    const ready = fleet.filter((i) => i.phase === 'ready').length
    const seen = fresh(seenOf(fleet, story.readings(second, ready)), atMs)
    const observation = observationOf([seen], { atMs, ...story.observed?.(second) })
    const decided = decide(spec, observation, memory, story.without)
    memory = decided.memory
    const [decision] = decided.decisions
    assert.ok(decision)
    const more = Array.from({ length: Math.max(0, decision.to - fleet.length) }, () => {
      return instance(++next, { phase: 'starting', startedAtMs: atMs, phaseAtMs: atMs })
    })
    fleet = [...fleet.slice(0, decision.to), ...more]
    return decision
  })
}

function booted(one: Instance, atMs: number): Instance {
  const isReady = one.phase === 'starting' && atMs - one.startedAtMs >= BOOT_S * 1_000
  return isReady ? { ...one, phase: 'ready', phaseAtMs: atMs } : one
}

// Readings of moment.ts are of its own instant; here each second has its own.
function fresh(seen: ReturnType<typeof seenOf>, atMs: number): ReturnType<typeof seenOf> {
  const renewed = JSON.parse(JSON.stringify(seen), (key: string, part: unknown) => {
    return key === 'atMs' ? atMs : part
  }) as ReturnType<typeof seenOf>
  return { ...renewed, status: seen.status }
}

function moves(decisions: readonly Decision[]): readonly string[] {
  return decisions.flatMap((d) => (d.to === d.from ? [] : [`${d.from}→${d.to}`]))
}

test('steps that would take each other back flap without projection, and not with it', () => {
  const steps = [
    { side: 'above', bound: 45, by: 1, unit: 'instances' },
    { side: 'below', bound: 40, by: 1, unit: 'instances' },
  ] as const
  const story: Story = {
    group: { signals: [], slo: {}, steps: [{ kind: 'cpu', steps }] },
    instances: 3,
    seconds: 300,
    readings: (_, ready) => ({ cpuPercent: value(100 / Math.max(1, ready)) }),
  }
  const flapping = moves(told({ ...story, without: { part: 'guard', name: 'projection' } }))
  assert.ok(flapping.length >= 4, flapping.join(' '))
  const decisions = told(story)
  assert.deepEqual(moves(decisions), [])
  const last = decisions.at(-1)
  assert.match(
    last?.reason ?? '',
    /projection: with 2, step\.cpu would want 3 again: 50 % of a core/,
  )
  assert.deepEqual(last?.counterfactual, { part: 'guard', without: 'projection', to: 2 })
})

test('a saturated database holds the group, says what helps, and lets go when it recovers', () => {
  const db = (share: number) => ({ resources: [{ name: 'db', saturation: value(share) }] })
  const story: Story = {
    group: { needs: ['db'] },
    instances: 3,
    seconds: 90,
    readings: (second) => ({ inFlight: value(second < 10 ? 24 : 60) }),
    observed: (second) => ({
      resources: db(second < 60 ? 0.98 : 0.5).resources.map((r) => ({
        ...r,
        saturation: {
          kind: 'value',
          value: r.saturation.kind === 'value' ? r.saturation.value : 0,
          atMs: START_MS + second * 1_000,
        },
      })),
    }),
  }
  const decisions = told(story)
  assert.ok(decisions.slice(0, 60).every((d) => d.to === 3))
  assert.match(
    decisions[30]?.reason ?? '',
    /downstream: db is 98 % full: more instances would only/,
  )
  assert.deepEqual(decisions[30]?.counterfactual, { part: 'guard', without: 'downstream', to: 8 })
  assert.equal(decisions.at(-1)?.to, 8)
  const free = told({ ...story, without: { part: 'guard', name: 'downstream' } })
  assert.equal(free[30]?.to, 8)
})

test('a worker drains a burst within its deadline, from zero and back to zero, without flapping', () => {
  const RATE = 10
  let depth = 0
  let servedPerS = 0
  let emptyAt = Number.POSITIVE_INFINITY
  const scaling = { ...groupSpec().scaling, minInstances: 0, maxInstances: 20 }
  const queues = [{ queue: 'orders', drainWithinMs: 60_000 }]
  const { http: _none, ...worker } = groupSpec({ scaling, queues, signals: [], slo: {} })
  const decisions = told({
    group: { ...worker },
    instances: 0,
    seconds: 200,
    readings: (second, ready) => {
      const arrivals = second === 20 ? 3_000 : 0
      servedPerS = Math.min(depth, ready * RATE)
      depth += arrivals - servedPerS
      if (second > 20 && depth === 0) emptyAt = Math.min(emptyAt, second)
      const orders = {
        ...{ depth: value(depth), arrivalsPerS: value(arrivals), servedPerS: value(servedPerS) },
      }
      const missing = { kind: 'missing', reason: 'nothing runs' } as const
      const cpuPercent = ready === 0 ? missing : value(1)
      return { cpuPercent, queues: { orders } }
    },
  })
  assert.ok(emptyAt <= 20 + 60 + 2 * BOOT_S, `empty at ${emptyAt}`)
  assert.equal(decisions.at(-1)?.to, 0)
  const directions = moves(decisions).map((m) =>
    Math.sign(Number(m.split('→')[1]) - Number(m.split('→')[0])),
  )
  const turns = directions.filter((d, i) => i > 0 && d !== directions[i - 1]).length
  assert.equal(turns, 1, moves(decisions).join(' '))
})
