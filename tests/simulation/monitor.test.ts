// The loop with a monitor in memory: scaled by its queries, held without it, CPU by labels.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import { MemoryWorld } from '../../src/adapters/memory/world.ts'
import { explain } from '../../src/core/explain.ts'
import type { GroupSpec, MetricsSpec } from '../../src/core/model.ts'
import { cpuQuery, NO_CPU } from '../../src/core/promql/cpu.ts'
import { groupSpec, Loop, specOf } from './loop.ts'

const METRICS: MetricsSpec = {
  prometheus: 'http://127.0.0.1:9090',
  headers: {},
  verify: true,
  maxAgeMs: 120_000,
}
const QUERY = 'sum(depth{job="shop"})'
const LABELS = { job: 'shop' }

async function loopWith(change: Partial<GroupSpec>, metrics: MetricsSpec | undefined = METRICS) {
  const world = new MemoryWorld()
  const { http: _none, ...worker } = groupSpec({ slo: {}, labels: LABELS, ...change })
  const loop = new Loop(world, specOf([worker], metrics && { metrics }))
  world.metrics.answers.set(QUERY, 20)
  world.metrics.answers.set(cpuQuery(LABELS), NO_CPU)
  await loop.turns(10)
  return loop
}

const SIGNALS = [
  { kind: 'query', name: 'depth', query: 'sum(depth{$labels})', target: 10 },
] as const

test('a query is asked with the labels filled in, and scales out and in', async () => {
  const loop = await loopWith({ signals: SIGNALS })
  assert.equal(loop.count('ready'), 2)
  loop.world.metrics.answers.set(QUERY, 55)
  await loop.turns(15)
  assert.equal(loop.count('ready'), 6)
  loop.world.metrics.answers.set(QUERY, 20)
  await loop.turns(60)
  assert.equal(loop.count('ready'), 2)
})

test('the same with the policy demand, which measures something else or nothing', async () => {
  const scaling = { ...groupSpec().scaling, policy: 'demand' } as const
  for (const more of [[], [{ kind: 'cpu', target: 80 }]] as const) {
    const loop = await loopWith({ signals: [...SIGNALS, ...more], scaling })
    loop.world.metrics.answers.set(QUERY, 55)
    await loop.turns(15)
    assert.equal(loop.count('ready'), 6)
    loop.world.metrics.answers.set(QUERY, 20)
    await loop.turns(180)
    assert.equal(loop.count('ready'), 2)
  }
})

test('a monitor that is away holds the number, is told, and then is obeyed again', async () => {
  const loop = await loopWith({ signals: SIGNALS })
  loop.world.metrics.answers.set(QUERY, 55)
  await loop.turns(15)
  loop.world.metrics.down = 'can not be reached'
  loop.world.metrics.answers.set(QUERY, 0)
  await loop.turns(60)
  assert.equal(loop.count('ready'), 6)
  const tick = loop.ticks.at(-1) ?? assert.fail('no tick')
  const told = explain(tick).join('\n')
  assert.match(told, /query\.depth abstains: no reading: can not be reached/)
  assert.match(told, /query depth.* missing \(can not be reached\)/)
  loop.world.metrics.down = undefined
  loop.world.metrics.answers.set(QUERY, 71)
  await loop.turns(10)
  assert.equal(loop.count('ready'), 8)
})

test('a monitor that hangs costs a turn its deadline, not its life', async () => {
  const loop = await loopWith({ signals: SIGNALS })
  loop.world.metrics.read = () => new Promise(() => {})
  const turning = loop.turn()
  await setImmediate()
  loop.world.clock.advance(2_000)
  await turning
  const seen = loop.ticks.at(-1)?.observation.groups[0]?.readings.queries?.depth
  assert.match(seen?.kind === 'missing' ? seen.reason : '', /the monitor took longer than/)
  loop.world.metrics.read = () => Promise.resolve([])
  await loop.turn()
  const none = loop.ticks.at(-1)?.observation.groups[0]?.readings.queries?.depth
  assert.match(none?.kind === 'missing' ? none.reason : '', /left it out/)
  loop.world.metrics.read = () => {
    throw new Error('a defect')
  }
  await loop.turn()
  const broken = loop.ticks.at(-1)?.observation.groups[0]?.readings.queries?.depth
  assert.match(broken?.kind === 'missing' ? broken.reason : '', /a defect/)
})

test('an answer that is no measure is missing; an old one is told with its age', async () => {
  const loop = await loopWith({ signals: SIGNALS })
  loop.world.metrics.answers.set(QUERY, -3)
  await loop.turn()
  assert.match(explain(loop.ticks.at(-1) ?? assert.fail()).join('\n'), /-3, which is no measure/)
  loop.world.metrics.answers.set(QUERY, 55)
  loop.world.metrics.ageMs = 12_000
  await loop.turn()
  assert.match(
    explain(loop.ticks.at(-1) ?? assert.fail()).join('\n'),
    /query depth 55 \(12 s old\)/,
  )
})

test('nothing but a threshold and labels: CPU is the total of the monitor over the ready', async () => {
  const loop = await loopWith({ signals: [{ kind: 'cpu', target: 80 }] })
  loop.world.metrics.answers.set(cpuQuery(LABELS), 300)
  await loop.turns(8)
  assert.equal(loop.count('ready'), 4)
  const readings = loop.ticks.at(-1)?.observation.groups[0]?.readings
  const cpu = readings?.cpuPercent
  assert.deepEqual(
    [cpu?.kind === 'value' && cpu.value, readings?.queries?.cpu?.kind],
    [75, 'value'],
  )
  // The provider knows the CPU too; what the file says is what counts.
  loop.world.metrics.down = 'can not be reached'
  await loop.turn()
  const missing = loop.ticks.at(-1)?.observation.groups[0]?.readings.cpuPercent
  assert.equal(missing?.kind, 'missing')
})

test('labels and bounds alone: the CPU of the bounds is the one of the monitor', async () => {
  const step = { side: 'above', bound: 70, by: 1, unit: 'instances' } as const
  const loop = await loopWith({ signals: [], steps: [{ kind: 'cpu', steps: [step] }] })
  loop.world.metrics.answers.set(cpuQuery(LABELS), 90)
  await loop.turns(8)
  assert.equal(loop.count('ready'), 2)
})

test('an answer that grows old holds the number: it scales nothing in', async () => {
  const loop = await loopWith({ signals: SIGNALS })
  loop.world.metrics.answers.set(QUERY, 55)
  await loop.turns(15)
  loop.world.metrics.answers.set(QUERY, 20)
  loop.world.metrics.ageMs = 61_000
  await loop.turns(90)
  assert.equal(loop.count('ready'), 6)
  const told = explain(loop.ticks.at(-1) ?? assert.fail('no tick')).join('\n')
  assert.match(told, /no scale-in without query\.depth \(its reading is 61 s old\)/)
  loop.world.metrics.ageMs = 1_000
  await loop.turns(30)
  assert.equal(loop.count('ready'), 2)
})

test("where the monitor knows no CPU with the labels, the provider's own counts", async () => {
  const loop = await loopWith({ signals: SIGNALS })
  const { cpuPercent, queries } = loop.ticks.at(-1)?.observation.groups[0]?.readings ?? {}
  assert.equal(cpuPercent?.kind, 'value')
  assert.deepEqual(Object.keys(queries ?? {}), ['depth'])
})

test('without a monitor in the file a query is missing, and nothing is asked for CPU', async () => {
  const world = new MemoryWorld()
  const loop = new Loop(world, specOf([groupSpec({ signals: SIGNALS, labels: LABELS })]))
  await loop.turns(5)
  const { queries } = loop.ticks.at(-1)?.observation.groups[0]?.readings ?? {}
  assert.deepEqual(queries, {
    depth: { kind: 'missing', reason: 'the file names no metrics.prometheus' },
  })
})
