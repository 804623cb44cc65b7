// The `demand` policy: what is carried, waits and is planned for, or why it can't say.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { rehearsed } from '../../../tests/simulation/demand.ts'
import { groupSpec, specOf } from '../../../tests/simulation/loop.ts'
import {
  contextOf,
  groupMemory,
  instance,
  MISSING,
  memoryOf,
  NOW,
  observationOf,
  seenOf,
  value,
} from '../../../tests/simulation/moment.ts'
import { decide } from '../decide.ts'
import { fault } from '../errors.ts'
import { explain } from '../explain.ts'
import type { DemandMemory } from '../forecast/model.ts'
import type {
  GroupMemory,
  GroupReadings,
  GroupSpec,
  Memory,
  ScalingSpec,
  SignalSpec,
} from '../model.ts'
import { demand, noteDemand, planWords } from './demand.ts'

const RPS: SignalSpec = { kind: 'rps', target: 50 }
const four = [1, 2, 3, 4].map((n) => instance(n))

function spec(signals: readonly SignalSpec[], change: Partial<ScalingSpec> = {}): GroupSpec {
  const base = groupSpec({ signals })
  const { policy: _target, ...scaling } = base.scaling
  return { ...base, scaling: { ...scaling, maxInstances: 100, ...change } }
}

interface Ask {
  readonly signals?: readonly SignalSpec[]
  readonly readings?: Partial<GroupReadings>
  readonly memory?: Partial<GroupMemory>
  readonly count?: number
}

/** Notes what is read, as `decide` does, and asks. */
function ask({ signals = [RPS], readings = {}, memory = {}, count = 4 }: Ask) {
  const group = spec(signals)
  const seen = seenOf(four.slice(0, count), readings)
  const noted = noteDemand(groupMemory(count, memory), group, seen, NOW)
  const [only, ...rest] = demand(contextOf({ group, seen, memory: noted }))
  assert.deepEqual([only?.policy, rest], ['demand', []])
  return only ?? assert.fail()
}

function wanted(one: Ask): number | undefined {
  const found = ask(one)
  return found.kind === 'want' ? found.instances : undefined
}

/** A steady hour, of which the last reading was a second ago. */
function known(change: Partial<DemandMemory> = {}, rate = 100): DemandMemory {
  const memory = rehearsed(() => rate, { seconds: 3_600, exact: true })
  const by = memory.atMs - (NOW - 1_000)
  const past = { ...memory.past, markedAtMs: memory.past.markedAtMs - by }
  const times = { atMs: NOW - 1_000, sinceMs: memory.sinceMs - by, fadedAtMs: NOW - 1_000 }
  return { ...memory, ...times, past, blend: { ...memory.blend, atMs: NOW - 1_000 }, ...change }
}

test('each signal: the demand over what one instance carries, and a little for what may come', () => {
  assert.equal(wanted({ readings: { rps: value(330) } }), 7)
  const inFlight = { kind: 'in_flight', target: 8 } as const
  assert.equal(wanted({ signals: [inFlight], readings: { inFlight: value(62) } }), 8)
  // Four at 60 % are 240.
  assert.equal(wanted({ signals: [], readings: { cpuPercent: value(60) } }), 3)
  assert.equal(wanted({ readings: { rps: value(0) } }), 0)
})

test('what is planned for counts, where it is more', () => {
  const memory = { demand: known() }
  assert.equal(wanted({ readings: { rps: value(100) }, memory }), 3)
  const tight = known({}, 90)
  assert.equal(wanted({ readings: { rps: value(90) }, memory: { demand: tight } }), 2)
})

test('what waits counts too, and is said', () => {
  const memory = { demand: known({ residenceS: 0.1 }) }
  const found = ask({ readings: { rps: value(100), inFlight: value(2_020) }, memory })
  // Nearly 2,000 wait; half of the assumed boot is 15 s.
  assert.equal(found.kind === 'want' && found.instances, 5)
  assert.match(
    found.reason,
    /^2[12]\d requests\/s \(1[12]\d of it for what waits\) at 50 per instance/,
  )
})

test('CPU at its ceiling is sized by what arrives, else it has nothing to say', () => {
  const readings = { cpuPercent: value(99), rps: value(600) }
  assert.ok((wanted({ signals: [], readings, memory: { cpuPerRps: 1 } }) ?? 0) >= 8)
  const unknown = ask({ signals: [], readings })
  assert.deepEqual([unknown.kind, unknown.kind === 'abstain' && unknown.blind], ['abstain', false])
  assert.match(unknown.reason, /ceiling.*not known/)
})

test('without a reading it is blind, with the reason; memory stays as it is', () => {
  for (const reading of [MISSING, value(Number.NaN), value(Number.POSITIVE_INFINITY)]) {
    const found = ask({ readings: { rps: reading } })
    assert.ok(found.kind === 'abstain' && found.blind)
    assert.match(found.reason, /out of order|not a number/)
    const memory = groupMemory(4, { demand: known() })
    const seen = seenOf(four, { rps: reading })
    assert.equal(noteDemand(memory, spec([RPS]), seen, NOW), memory)
  }
})

test('no instance has no CPU, which is not blind; unseen ones are', () => {
  const none = ask({ signals: [], count: 0, readings: { cpuPercent: MISSING } })
  assert.deepEqual([none.kind, none.kind === 'abstain' && none.blind], ['abstain', false])
  const group = spec([])
  const status = { kind: 'unknown', fault: fault('E_TIMEOUT', 'too slow') } as const
  const seen = { ...seenOf(four), status }
  const memory = groupMemory(4)
  assert.equal(noteDemand(memory, group, seen, NOW), memory)
  const [only] = demand(contextOf({ group, seen, memory }))
  assert.ok(only?.kind === 'abstain' && only.blind)
  assert.match(only.reason, /can't be seen: too slow/)
})

test('the policy target, and steps of CPU alone, leave it out', () => {
  const steps = [{ kind: 'cpu', steps: [] }] as const
  const stepping = { ...spec([]), steps }
  for (const group of [spec([RPS], { policy: 'target' }), stepping]) {
    assert.deepEqual(demand(contextOf({ group })), [])
    const memory = groupMemory(4)
    assert.equal(noteDemand(memory, group, seenOf(four), NOW), memory)
  }
})

test('one absurd reading is not kept in mind as such', () => {
  const note = (rps: number) => {
    const memory = groupMemory(4, { demand: known() })
    return noteDemand(memory, spec([RPS]), seenOf(four, { rps: value(rps) }), NOW).demand
  }
  const { residenceS: _less, ...most } = note(10 * 100 * 50) ?? assert.fail()
  const { residenceS: _least, ...absurd } = note(1e300) ?? assert.fail()
  assert.deepEqual(absurd, most)
  assert.deepEqual(JSON.parse(JSON.stringify(note(Number.MAX_VALUE))), note(Number.MAX_VALUE))
})

test('how long a request stays is followed, slowly while instances are full', () => {
  const stays = (inFlight: number, rps: number, residenceS: number) => {
    const memory = groupMemory(4, { demand: known({ residenceS }) })
    const seen = seenOf(four, { inFlight: value(inFlight), rps: value(rps) })
    return noteDemand(memory, spec([RPS]), seen, NOW).demand?.residenceS ?? -1
  }
  const near = (found: number, expected: number) => {
    assert.ok(Math.abs(found - expected) < 1e-9, `${found}, not ${expected}`)
  }
  near(stays(20, 100, 0), 0.2)
  near(stays(10, 100, 0.2), 0.2 - 0.1 / 21)
  near(stays(90, 100, 0.2), 0.2 + 0.7 / 21)
  // Four that carry 50 each are full from 180 on: nothing is learned at first, and little later.
  near(stays(900, 181, 0), 0)
  near(stays(905, 181, 0.2), 0.2 + 4.8 / 121)
  // Nothing in flight, and next to nothing arriving, tells nothing.
  assert.deepEqual([stays(0, 100, 0.2), stays(-5, 100, 0.2), stays(20, 0.5, 0.2)], [0.2, 0.2, 0.2])
})

test('an older reading is told with its time', () => {
  const rps = { kind: 'value', value: 100, atMs: NOW - 30_000 } as const
  const found = ask({ readings: { rps } })
  assert.equal(found.kind === 'want' && found.atMs, NOW - 30_000)
})

test('how the plan came about is told where it changes the number', () => {
  const memory = { demand: known() }
  const grows = ask({ readings: { rps: value(100) }, memory, count: 2 })
  assert.match(
    grows.reason,
    /^100 requests\/s, 1\d\d planned for at 50 per instance wants 3 \(mostly the .* times 1\.\d+: 0 % of past demand late\)$/,
  )
  const stays = ask({ readings: { rps: value(100) }, memory, count: 3 })
  assert.match(stays.reason, /wants 3$/)
})

test('fixed headroom is told wherever it counts', () => {
  const demandNow = known({ own: { queue: 0, late: 100_000, total: 1_000_000 } })
  const found = ask({ readings: { rps: value(100) }, memory: { demand: demandNow }, count: 3 })
  assert.equal(found.kind === 'want' && found.instances, 3)
  assert.match(found.reason, /more came late than that: fixed headroom counts too\)$/)
})

test('an explanation has it', () => {
  const group = spec([RPS], { minInstances: 1, cooldownMs: 0 })
  const memory: Memory = memoryOf(2, { demand: known() })
  const observation = observationOf([seenOf(four.slice(0, 2), { rps: value(100) })])
  const { decisions } = decide(specOf([group]), observation, memory)
  const tick = { id: 1, specHash: 'a', coreVersion: '1', observation, decisions }
  const lines = explain({ ...tick, plan: { actions: [] } }, 'web')
  assert.ok(lines.some((line) => /demand wants 3: .*planned for.*\(mostly the/.test(line)))
})

test('words of a plan: factors, deviations, percent', () => {
  const words = (leader: number, step: number, expectedLate: number) => {
    const one = known()
    return planWords({ ...one, blend: { ...one.blend, leader, step, expectedLate } })
  }
  assert.equal(words(0, 2, 0.0007), 'mostly the peak of late times 1.2: 0.07 % of past demand late')
  assert.match(words(1, 0, 0), /^mostly the peak of late and its trend times 1.05: 0 % /)
  assert.match(words(8, 3, 0.1234), /how much it varies 2 deviations more: 12.34 % /)
  assert.match(words(12, 7, 1), /^mostly the same part of the day times 4.5: 100 % /)
})
