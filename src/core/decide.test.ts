// Properties of the decision, over whatever can be seen and remembered.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { groupSpec, specOf } from '../../tests/simulation/loop.ts'
import {
  groupMemory,
  instance,
  MISSING,
  memoryOf,
  NOW,
  observationOf,
  seenOf,
  value,
} from '../../tests/simulation/moment.ts'
import { decide, type LeftOut } from './decide.ts'
import type {
  Command,
  GroupMemory,
  GroupReadings,
  GroupSpec,
  Instance,
  Memory,
  Observation,
  Phase,
  Reading,
  SignalSpec,
} from './model.ts'
import { makePlan } from './plan.ts'

const number: fc.Arbitrary<number> = fc.oneof(
  fc.double({ min: 0, max: 5_000, noNaN: true }),
  fc.constantFrom(0, 95, 100, Number.NaN, Number.POSITIVE_INFINITY),
)
const reading: fc.Arbitrary<Reading> = fc.oneof(
  { weight: 4, arbitrary: number.map(value) },
  { weight: 1, arbitrary: fc.constant(MISSING) },
)
const allReadings: fc.Arbitrary<GroupReadings> = fc.record({
  inFlight: reading,
  rps: reading,
  p99Ms: reading,
  errorsRatio: reading,
  cpuPercent: reading,
  queries: fc.record({ depth: reading }),
})
const NEVER = { kind: 'missing', reason: 'never asked' } as const
const phase = fc.constantFrom<Phase>('starting', 'ready', 'ready', 'draining', 'stopping', 'exited')
const instances: fc.Arbitrary<Instance[]> = fc
  .array(fc.tuple(phase, fc.integer({ min: 0, max: 90_000 })), { maxLength: 10 })
  .map((all) =>
    all.map(([at, ageMs], n) =>
      instance(n + 1, { phase: at, startedAtMs: NOW - ageMs, phaseAtMs: NOW - ageMs }),
    ),
  )
const signals = fc.constantFrom<readonly SignalSpec[]>(
  [],
  [{ kind: 'in_flight', target: 8 }],
  [{ kind: 'rps', target: 40 }],
  [
    { kind: 'cpu', target: 60 },
    { kind: 'in_flight', target: 3 },
  ],
  [{ kind: 'query', name: 'depth', query: 'sum(depth)', target: 10 }],
)
const group: fc.Arbitrary<GroupSpec> = fc
  .record({ min: fc.nat(4), more: fc.nat(8), settleMs: fc.nat(60_000), signals })
  .map(({ min, more, settleMs, signals: list }) => {
    const base = groupSpec({ signals: list })
    const bounds = { minInstances: min, maxInstances: min + more, settleMs }
    return { ...base, scaling: { ...base.scaling, ...bounds } }
  })
const want = fc.record({ agoMs: fc.nat(80_000), instances: fc.nat(12) })
const groupMemories: fc.Arbitrary<Partial<GroupMemory>> = fc
  .record({
    wants: fc.array(want, { maxLength: 8 }),
    cooled: fc.option(fc.nat(10_000), { nil: undefined }),
    cost: fc.option(fc.double({ min: 0.01, max: 20, noNaN: true }), { nil: undefined }),
    step: fc.option(fc.integer({ min: 1, max: 9 }), { nil: undefined }),
    trail: fc.array(fc.double({ min: 0, max: 500, noNaN: true }), { maxLength: 10 }),
  })
  .map(({ wants, cooled, cost, step, trail }) => ({
    wants: wants
      .sort((a, b) => b.agoMs - a.agoMs)
      .map((w) => ({ atMs: NOW - w.agoMs, instances: w.instances })),
    inFlightTrail: trail.map((v, n) => ({ atMs: NOW - 9_000 + n * 900, value: v })),
    ...(cooled === undefined ? {} : { scaledOutAtMs: NOW - cooled }),
    ...(cost === undefined ? {} : { cpuPerRps: cost }),
    ...(step === undefined
      ? {}
      : { latencyStep: { atMs: NOW - 15_000, to: step, p99Ms: 500, rps: 50 } }),
  }))

interface World {
  readonly group: GroupSpec
  readonly observation: Observation
  readonly memory: Memory
}

const world: fc.Arbitrary<World> = fc
  .record({
    group,
    desired: fc.nat(12),
    instances,
    readings: allReadings,
    host: reading,
    writable: fc.boolean(),
    unknown: fc.nat(5),
    remembered: groupMemories,
  })
  .map((w) => {
    const { minInstances, maxInstances } = w.group.scaling
    const desired = Math.min(maxInstances, Math.max(minInstances, w.desired))
    const fault = { code: 'E_TIMEOUT', message: 'too slow', retryable: true }
    const known = seenOf(w.instances, w.readings)
    const status = w.unknown === 0 ? ({ kind: 'unknown', fault } as const) : known.status
    const seen = { ...known, group: 'web', status }
    const change = { hostCpuPercent: w.host, storeWritable: w.writable }
    return {
      group: w.group,
      observation: observationOf([seen], change),
      memory: memoryOf(desired, w.remembered),
    }
  })

function decided({ group: one, observation, memory }: World) {
  const { decisions, memory: next } = decide(specOf([one]), observation, memory)
  const [decision] = decisions
  assert.ok(decision)
  return { decision, next }
}

const RUNS = { numRuns: 800 }

test('the number never leaves the bounds', () => {
  fc.assert(
    fc.property(world, (w) => {
      const { minInstances, maxInstances } = w.group.scaling
      const { decision, next } = decided(w)
      assert.ok(decision.to >= minInstances && decision.to <= maxInstances, `${decision.to}`)
      assert.equal(next.groups.web?.desired, decision.to)
    }),
    RUNS,
  )
})

test('it never scales in where a reading that it uses is missing', () => {
  let blinded = 0
  fc.assert(
    fc.property(world, (w) => {
      const seen = w.observation.groups[0]
      assert.ok(seen)
      const used = [
        seen.readings.cpuPercent,
        ...w.group.signals.map((s) => {
          if (s.kind === 'query') return seen.readings.queries?.[s.name] ?? NEVER
          return seen.readings[
            ({ in_flight: 'inFlight', rps: 'rps', cpu: 'cpuPercent' } as const)[s.kind]
          ]
        }),
      ]
      const blind = used.some((r) => r.kind === 'missing' || !Number.isFinite(r.value))
      if (!blind && seen.status.kind === 'known') return
      blinded++
      const { decision } = decided(w)
      assert.ok(decision.to >= decision.from, decision.reason)
    }),
    RUNS,
  )
  assert.ok(blinded > 100, 'the property was hardly tried')
})

test('it never scales in while ticks can not be stored', () => {
  fc.assert(
    fc.property(world, (w) => {
      const { decision } = decided({
        ...w,
        observation: { ...w.observation, storeWritable: false },
      })
      assert.ok(decision.to >= decision.from, decision.reason)
    }),
    RUNS,
  )
})

test('the same is decided again, also from what JSON kept of it', () => {
  fc.assert(
    fc.property(world, (w) => {
      // What is observed is sane: NaN never gets past the engine.
      const json = (v: unknown): unknown => JSON.parse(JSON.stringify(v))
      const sane = json(w.observation) as Observation
      const clean = JSON.stringify(w.observation) === JSON.stringify(sane)
      const first = decide(specOf([w.group]), w.observation, w.memory)
      const again = decide(specOf([w.group]), w.observation, w.memory)
      assert.deepEqual(again, first)
      if (!clean || hasNull(sane)) return
      const memory = json(w.memory) as Memory
      const replayed = decide(specOf([w.group]), sane, memory)
      assert.deepEqual(replayed, first)
      assert.deepEqual(json(first), json(replayed))
      const plan = makePlan(specOf([w.group]), w.observation, first.memory)
      assert.deepEqual(json(makePlan(specOf([w.group]), sane, replayed.memory)), json(plan))
    }),
    RUNS,
  )
})

// What only some groups have: steps, a budget of hours, a ceiling and a floor, a blindness.
const rich: fc.Arbitrary<World> = fc
  .record({ w: world, floor: fc.nat(12), ceiling: fc.nat(12), used: fc.nat(40), at: fc.nat(60) })
  .map(({ w, floor, ceiling, used, at }) => {
    const changes = {
      above: { by: 2, unit: 'instances' },
      below: { by: 50, unit: 'percent' },
    } as const
    const steps = (['above', 'below'] as const).map((side) => ({
      side,
      bound: at,
      ...changes[side],
    }))
    const scaling = { ...w.group.scaling, maxInstanceHours: 50 }
    const schedule = {
      ...{ spec: 'spec', fromMs: NOW, untilMs: NOW + 1 },
      floor: { instances: floor, reason: 'floor' },
      ceiling: { instances: ceiling, reason: 'ceiling' },
    }
    const hours = { day: 0, usedMs: used * 3_600_000, atMs: NOW, instances: 2 }
    const blind = { 'target.cpu': { sinceMs: NOW - 700_000, want: floor } }
    const before = w.memory.groups.web ?? groupMemory(2)
    const web = { ...before, hours, blind, schedule }
    return {
      ...w,
      group: {
        ...w.group,
        steps: [{ kind: 'cpu', steps }],
        // What is remembered of the schedule holds: nothing else is looked up before its end.
        scaling: { ...scaling, schedule: [] },
      },
      memory: { groups: { web }, shutdown: false },
    }
  })

test('a counterfactual is what comes of deciding without that guard or policy', () => {
  const seen = new Map<string, number>()
  fc.assert(
    fc.property(fc.oneof(world, rich), (w) => {
      const { decision } = decided(w)
      const { counterfactual: other } = decision
      const isBound = decision.adjustments.length > 0 || decision.to !== decision.from
      assert.equal(other !== undefined, isBound)
      if (other === undefined) return
      const without: LeftOut = { part: other.part, name: other.without }
      const again = decide(specOf([w.group]), w.observation, w.memory, without).decisions[0]
      assert.equal(other.to, again?.to, `${other.part} ${other.without}`)
      if (other.to !== decision.to) seen.set(other.without, (seen.get(other.without) ?? 0) + 1)
    }),
    { numRuns: 1_500 },
  )
  for (const name of ['settle', 'bounds', 'step', 'blind', 'schedule'])
    assert.ok(seen.has(name), `${name} among ${[...seen.keys()].join(', ')}`)
})

test('no number in a decision or in memory is NaN, infinite or -0', () => {
  fc.assert(
    fc.property(world, (w) => {
      const { decision, next } = decided(w)
      for (const n of numbersIn([decision, next])) {
        assert.ok(Number.isFinite(n) && !Object.is(n, -0), JSON.stringify(decision))
      }
    }),
    RUNS,
  )
})

function hasNull(v: unknown): boolean {
  if (v === null) return true
  return typeof v === 'object' && Object.values(v).some(hasNull)
}

function numbersIn(v: unknown): readonly number[] {
  if (typeof v === 'number') return [v]
  return typeof v === 'object' && v !== null ? Object.values(v).flatMap(numbersIn) : []
}

const base = { id: 'c1', group: 'web', by: 'ops' }
const calm = observationOf([seenOf([instance(1), instance(2)])])

function told(commands: readonly Command[], change: Partial<GroupSpec> = {}, desired = 2) {
  const spec = specOf([groupSpec(change)])
  return decide(spec, { ...calm, commands }, memoryOf(desired))
}

test('a number by hand stands against what policies want, in mode observe too', () => {
  for (const mode of ['enforce', 'observe'] as const) {
    const scale = { ...base, kind: 'scale', instances: 5, untilMs: NOW + 60_000 } as const
    const { decisions, memory } = told([scale], { mode })
    assert.equal(decisions[0]?.to, 5)
    assert.match(decisions[0]?.reason ?? '', /set to 5 by ops for another 60 s/)
    assert.equal(memory.groups.web?.desired, 5)
  }
})

test('of two numbers by hand in one turn the later stands', () => {
  const scale = (instances: number): Command => {
    return { ...base, kind: 'scale', instances, untilMs: NOW + 60_000 }
  }
  assert.equal(told([scale(5), scale(3)]).decisions[0]?.to, 3)
})

test('mode observe decides and changes nothing', () => {
  const spec = specOf([groupSpec({ mode: 'observe' })])
  const busy = observationOf([seenOf([instance(1), instance(2)], { inFlight: value(60) })])
  const { decisions, memory } = decide(spec, busy, memoryOf(2))
  assert.equal(decisions[0]?.to, 6)
  assert.equal(memory.groups.web?.desired, 2)
})

test('a shutdown stops everything, and is remembered', () => {
  const { decisions, memory } = told([{ kind: 'shutdown', id: 'c1', by: 'ops' }])
  assert.equal(decisions[0]?.to, 0)
  assert.equal(memory.shutdown, true)
  assert.equal(decide(specOf([groupSpec()]), calm, memory).decisions[0]?.to, 0)
})

test('a later group sees what an earlier one was given of a shared budget', () => {
  const one = groupSpec({ name: 'one', needs: ['db'] })
  const two = groupSpec({ name: 'two', needs: ['db'] })
  const resources = [{ name: 'db', connections: { total: 100, perInstance: 10 } }]
  const spec = specOf([one, two], { resources })
  const busy = (name: string) => ({
    ...seenOf([instance(1, { group: name }), instance(2, { group: name })], {
      inFlight: value(60),
    }),
    group: name,
  })
  const memory = { groups: { one: groupMemory(2), two: groupMemory(2) }, shutdown: false }
  const { decisions } = decide(spec, observationOf([busy('one'), busy('two')]), memory)
  const given = decisions.map((d) => `${d.group} ${d.to}`)
  assert.deepEqual(given, ['one 6', 'two 4'])
  assert.match(decisions[1]?.reason ?? '', /budget: db allows 100 connections, 60 of them held/)
})

test('a group that nobody observed is unknown, not empty', () => {
  const { decisions, memory } = decide(specOf([groupSpec()]), observationOf([]), memoryOf(4))
  assert.equal(decisions[0]?.to, 4)
  assert.deepEqual(makePlan(specOf([groupSpec()]), observationOf([]), memory).actions, [])
})
