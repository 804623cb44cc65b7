// Demand by each signal: what arrives, not how busy the fleet is, nor what waits before it.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { MIDNIGHT, rehearsed } from '../../../tests/simulation/demand.ts'
import { groupSpec } from '../../../tests/simulation/loop.ts'
import { groupMemory, instance, MISSING, seenOf, value } from '../../../tests/simulation/moment.ts'
import { fault } from '../errors.ts'
import type { DemandMemory } from '../forecast/model.ts'
import type { GroupMemory, GroupReadings, Instance, SignalKind } from '../model.ts'
import { demandSignal, measure, waitingDemand } from './arriving.ts'

const four = [1, 2, 3, 4].map((n) => instance(n))

interface Ask {
  readonly instances?: readonly Instance[]
  readonly memory?: Partial<GroupMemory>
}

function measured(kind: SignalKind, readings: Partial<GroupReadings>, ask: Ask = {}) {
  const seen = seenOf(ask.instances ?? four, readings)
  return measure({ kind, target: 10 }, seen, groupMemory(4, ask.memory))?.value
}

/** A group that knows how long a request stays, where it is 100 in its signal. */
function knowing(residenceS: number, signal: SignalKind = 'in_flight'): DemandMemory {
  return { ...rehearsed(() => 100, { seconds: 60, exact: true, signal, residenceS }) }
}

test('the first signal is what demand is measured by; without one it is CPU', () => {
  const kindOf = (change: Parameters<typeof groupSpec>[0]) => {
    const base = groupSpec(change)
    const { policy: _target, ...scaling } = base.scaling
    return demandSignal({ ...base, scaling })?.kind
  }
  const rps = { kind: 'rps', target: 50 } as const
  const inFlight = { kind: 'in_flight', target: 8 } as const
  assert.equal(kindOf({ signals: [rps, inFlight] }), 'rps')
  assert.equal(kindOf({ signals: [inFlight, rps] }), 'in_flight')
  assert.equal(kindOf({ signals: [] }), 'cpu')
  assert.equal(kindOf({ signals: [], steps: [{ kind: 'cpu', steps: [] }] }), undefined)
  const query = { kind: 'query', name: 'orders', query: 'up', target: 3 } as const
  assert.equal(kindOf({ signals: [query, inFlight] }), 'in_flight')
  assert.equal(kindOf({ signals: [query] }), undefined)
  assert.equal(kindOf({ signals: [rps], steps: [{ kind: 'cpu', steps: [] }] }), 'rps')
})

test('the policy target leaves demand nothing', () => {
  assert.equal(groupSpec().scaling.policy, 'target')
  assert.equal(demandSignal(groupSpec()), undefined)
})

test('requests per second are what arrives', () => {
  assert.equal(measured('rps', { rps: value(120) }), 120)
  assert.equal(measured('rps', { rps: MISSING }), undefined)
  assert.equal(measured('rps', { rps: value(0) }), 0)
})

test('CPU: all that the ready ones use, whoever else there is', () => {
  assert.equal(measured('cpu', { cpuPercent: value(30) }), 120)
  const three = [...four.slice(1), instance(1, { phase: 'starting' })]
  assert.equal(measured('cpu', { cpuPercent: value(30) }, { instances: three }), 90)
  assert.equal(measured('cpu', { cpuPercent: MISSING }), undefined)
})

test('CPU at its ceiling: what arrives times what it costs, where that is known', () => {
  const full = { cpuPercent: value(98), rps: value(900) }
  assert.equal(measured('cpu', full, { memory: { cpuPerRps: 2 } }), 1_800)
  assert.equal(measured('cpu', full), undefined)
  const noRate = { ...full, rps: MISSING }
  assert.equal(measured('cpu', noRate, { memory: { cpuPerRps: 2 } }), undefined)
  // Below it, and where an instance uses several cores, CPU itself tells.
  assert.equal(measured('cpu', { ...full, cpuPercent: value(94) }), 376)
  assert.equal(measured('cpu', { ...full, cpuPercent: value(240) }), 960)
})

test('CPU of instances that nobody sees is not none', () => {
  const status = { kind: 'unknown', fault: fault('E_TIMEOUT', 'too slow') } as const
  const seen = { ...seenOf(four, { cpuPercent: value(30) }), status }
  assert.equal(measure({ kind: 'cpu', target: 80 }, seen, groupMemory(4)), undefined)
})

test('in flight is demand until a queue is plain', () => {
  const memory = { demand: knowing(0.2) }
  const at = (inFlight: number, rps = value(100) as GroupReadings['rps']) => {
    return measured('in_flight', { inFlight: value(inFlight), rps }, { memory })
  }
  // 100 a second that stay for 0.2 s are 20 at once; a third more is still demand.
  assert.deepEqual([at(20), at(25), at(27), at(900)], [20, 25, 26, 26])
  assert.equal(at(900, MISSING), 900)
  assert.equal(measured('in_flight', { inFlight: value(900) }), 900)
  assert.equal(measured('in_flight', { inFlight: MISSING }), undefined)
})

test('of what is in flight more is answered now than is kept in mind', () => {
  const seen = (inFlight: number) => seenOf(four, { inFlight: value(inFlight), rps: value(100) })
  const memory = groupMemory(4, { demand: knowing(0.2) })
  const at = (inFlight: number) => {
    return measure({ kind: 'in_flight', target: 10 }, seen(inFlight), memory)?.present
  }
  assert.deepEqual([at(20), at(39), at(41), at(900)], [20, 39, 40, 40])
})

test('what waits counts as demand that has it gone in time', () => {
  const waiting = (known: DemandMemory, inFlight: number, measuredAs: number) => {
    return waitingDemand(seenOf(four, { inFlight: value(inFlight) }), known, measuredAs, 10)
  }
  // 840 wait and each takes 0.2 s: 16.8 more at once for ten seconds.
  assert.ok(Math.abs(waiting(knowing(0.2), 900, 60) - 16.8) < 1e-9)
  assert.equal(waiting(knowing(0.2), 50, 50), 0)
  // By rate: twice the usual in flight (2 × 100 × 0.2) is no queue; 860 more are 86 a second.
  assert.ok(Math.abs(waiting(knowing(0.2, 'rps'), 900, 100) - 86) < 1e-6)
  assert.equal(waiting(knowing(0.2, 'rps'), 40, 100), 0)
  assert.equal(waiting(knowing(0, 'rps'), 900, 100), 0)
  assert.equal(waiting(knowing(0.2, 'cpu'), 900, 100), 0)
  const blind = seenOf(four, { inFlight: MISSING })
  assert.equal(waitingDemand(blind, knowing(0.2), 60, 10), 0)
})

test('whatever is read, demand is a number from nothing up, or none', () => {
  const number = fc.double({ min: -1e9, max: 1e9 })
  const reading = fc.oneof(number.map(value), fc.constant(MISSING))
  const readings = fc.record({ rps: reading, inFlight: reading, cpuPercent: reading })
  const kinds = fc.constantFrom<SignalKind>('rps', 'in_flight', 'cpu')
  const demand = fc.constantFrom(undefined, knowing(0), knowing(0.2))
  fc.assert(
    fc.property(readings, kinds, fc.nat(3), demand, (all, kind, ready, known) => {
      const memory = { cpuPerRps: 2, ...(known === undefined ? {} : { demand: known }) }
      const found = measured(kind, all, { instances: four.slice(0, ready), memory })
      if (found === undefined) return
      assert.ok(Number.isFinite(found) && found >= 0 && !Object.is(found, -0), `${found}`)
    }),
  )
  assert.equal(knowing(0).sinceMs, MIDNIGHT)
})
