// Who is replaced for its health, when, and in which order: one at a time, never for nothing.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { groupSpec } from '../../../tests/simulation/loop.ts'
import {
  groupMemory,
  instance,
  NOW,
  readings,
  seenOf,
  targetOf,
  value,
} from '../../../tests/simulation/moment.ts'
import type { GroupMemory, GroupReadings, Instance, TargetStatus } from '../model.ts'
import type { Outage, Replacement } from './model.ts'
import { noteReplacement, probeAtMs } from './replace.ts'

function bad(n: number, change: Partial<TargetStatus> = {}): TargetStatus {
  const base = { health: 'unhealthy', healthReason: 'no answer', check: 'silent' } as const
  return targetOf(`web-${n}`, { ...base, healthSinceMs: NOW - 1_500, ...change })
}
const good = (n: number, change: Partial<TargetStatus> = {}) => targetOf(`web-${n}`, change)
const ones = (...targets: readonly TargetStatus[]) => {
  return targets.map((t) => instance(Number(t.instance.slice(4))))
}

function noted(
  targets: readonly TargetStatus[],
  given: {
    readonly memory?: Partial<GroupMemory>
    readonly readings?: Partial<GroupReadings>
    readonly instances?: readonly Instance[]
    readonly desired?: number
  } = {},
): GroupMemory {
  const instances = given.instances ?? ones(...targets)
  const seen = seenOf(instances, given.readings ?? {}, targets)
  const memory = groupMemory(given.desired ?? targets.length, given.memory ?? {})
  return noteReplacement({ group: groupSpec(), seen, memory, nowMs: NOW })
}

const ON: Replacement = {
  ...{ instance: 'web-2', sinceMs: NOW - 4_000, reason: 'it hangs', surge: false, breaks: false },
}
const SHARED: Outage = { cause: 'shared', sinceMs: NOW - 9_000, reason: 'down', probes: 0 }

test('one that fails while others pass goes at once, and is counted', () => {
  const { replacing, replaced } = noted([good(1), bad(2), good(3)])
  assert.deepEqual(replacing, {
    ...{ instance: 'web-2', sinceMs: NOW, reason: 'it does not answer (no answer)' },
    ...{ surge: false, breaks: false },
  })
  assert.deepEqual(replaced, { count: 1, lastAtMs: NOW })
})

test('a failure counts from a second on; a clock that was set back does not stop it', () => {
  const since = (healthSinceMs: number) => noted([good(1), bad(2, { healthSinceMs }), good(3)])
  assert.equal(since(NOW - 999).replacing, undefined)
  assert.equal(since(NOW - 1_000).replacing?.instance, 'web-2')
  assert.equal(since(NOW + 50_000).replacing?.instance, 'web-2')
})

test('of several the one that fails longest goes first', () => {
  const targets = [bad(1), bad(2, { healthSinceMs: NOW - 5_000 }), good(3), good(4)]
  assert.equal(noted(targets).replacing?.instance, 'web-2')
})

test('where the others are full, or none is well, another one has to serve first', () => {
  const full = noted([good(1), bad(2), good(3)], { readings: { cpuPercent: value(90) } })
  assert.equal(full.replacing?.surge, true)
  const busy = noted([good(1, { inFlight: 9 }), bad(2), good(3, { inFlight: 9 })])
  assert.equal(busy.replacing?.surge, true)
  assert.equal(noted([bad(1)]).replacing?.surge, true)
})

test('it goes on until another one is there, and no second one begins', () => {
  const starting = instance(9, { phase: 'starting', startedAtMs: NOW - 3_000 })
  const leaving = instance(2, { phase: 'draining' })
  const targets = [good(1), bad(3)]
  const fleet = [...ones(...targets), leaving]
  const memory = { replacing: ON, replaced: { count: 1, lastAtMs: ON.sinceMs } }
  const on = noted(targets, { memory, instances: [...fleet, starting], desired: 3 })
  assert.equal(on.replacing, ON)
  assert.equal(noted(targets, { memory, instances: fleet, desired: 3 }).replacing, ON)
  const there = noted([...targets, good(9)], { memory, desired: 3 })
  assert.equal(there.replacing?.instance, 'web-3')
  const stalled = { ...memory, replacing: { ...ON, sinceMs: NOW - 30_000 } }
  const later = noted(targets, { memory: stalled, instances: fleet, desired: 3 })
  assert.equal(later.replacing?.instance, 'web-3')
})

test('one that passes again stays, unless it breaks requests', () => {
  const targets = [good(1), good(2)]
  assert.equal(noted(targets, { memory: { replacing: ON } }).replacing, undefined)
  const liar = { ...ON, breaks: true }
  assert.equal(noted(targets, { memory: { replacing: liar } }).replacing, liar)
})

test('a successor that fails ends it, and further ones wait for the backoff', () => {
  const failures = { count: 2, lastAtMs: NOW - 500, retryAtMs: NOW + 500, reason: 'it broke' }
  const memory = { replacing: ON, failures }
  assert.equal(noted([good(1), bad(2), good(3)], { memory }).replacing, undefined)
  const afterwards = (agoMs: number) => {
    const over = { ...failures, lastAtMs: NOW - agoMs, retryAtMs: NOW }
    const replacing = { ...ON, sinceMs: NOW - 9_000 }
    return noted([good(1), bad(2), good(3)], { memory: { replacing, failures: over } }).replacing
  }
  assert.equal(afterwards(4_999), undefined)
  assert.equal(afterwards(5_000)?.sinceMs, NOW)
})

test('two come one after another, further ones 5 s, 10 s, 20 s later; quiet minutes forget', () => {
  const after = (count: number, agoMs: number) => {
    const replaced = { count, lastAtMs: NOW - agoMs }
    return noted([good(1), bad(2), good(3)], { memory: { replaced } })
  }
  assert.ok(after(1, 0).replacing)
  assert.equal(after(2, 4_999).replacing, undefined)
  assert.ok(after(2, 5_000).replacing)
  assert.equal(after(4, 19_999).replacing, undefined)
  assert.ok(after(4, 20_000).replacing)
  assert.ok(after(40, 60_000).replacing)
  assert.deepEqual(after(40, 120_000).replaced, { count: 1, lastAtMs: NOW })
})

test('in an outage nobody goes, but one is tried after 10 s, then later and later', () => {
  const all = [bad(1), bad(2), bad(3)]
  assert.equal(noted(all, { memory: { outage: SHARED } }).replacing, undefined)
  const due = { ...SHARED, sinceMs: NOW - 10_000 }
  const tried = noted(all, { memory: { outage: due } })
  assert.deepEqual([tried.replacing?.surge, tried.outage?.probes], [true, 1])
  assert.equal(tried.outage?.probedAtMs, NOW)
  assert.match(tried.replacing?.reason ?? '', /one is tried anew/)
  const waits = [0, 1, 2, 3, 4, 5, 20].map((probes) => {
    return (probeAtMs({ ...SHARED, probes, probedAtMs: NOW }) - NOW) / 1_000
  })
  assert.deepEqual(waits, [10, 20, 40, 80, 160, 320, 600])
  const full = { ...SHARED, cause: 'capacity', probes: 0 } as const
  assert.equal(probeAtMs(full) - full.sinceMs, 60_000)
})

test('in an outage who hangs for certain goes at once', () => {
  const memory = { outage: { ...SHARED, cause: 'capacity' as const } }
  const refused = noted([bad(1), bad(2, { check: 'refused' }), bad(3)], { memory })
  assert.deepEqual([refused.replacing?.instance, refused.replacing?.surge], ['web-2', false])
  const nobody = [1, 2, 3].map((n) => bad(n, { check: 'refused' }))
  assert.equal(noted(nobody, { memory }).replacing, undefined)
  const cpu = (own: number, others: number, sinceMs: number) => {
    const targets = [bad(1), bad(2, { healthSinceMs: sinceMs }), bad(3)]
    const instances = targets.map((_, n) => {
      return instance(n + 1, { cpuPercent: value(n === 1 ? own : others) })
    })
    return noted(targets, { memory, instances }).replacing?.instance
  }
  assert.equal(cpu(0.5, 90, NOW - 10_000), 'web-2')
  assert.equal(cpu(0.5, 90, NOW - 9_000), undefined)
  assert.equal(cpu(5, 90, NOW - 10_000), undefined)
  assert.equal(cpu(0.5, 10, NOW - 10_000), undefined)
})

const broke = (n: number, failures: number, requests = 100) => {
  return good(n, { recent: { requests, failures } })
}

test('one that breaks far more requests than the others is replaced, once another one serves', () => {
  const { replacing } = noted([broke(1, 0), broke(2, 40), broke(3, 1)])
  assert.deepEqual(
    [replacing?.instance, replacing?.surge, replacing?.breaks],
    ['web-2', true, true],
  )
  assert.match(replacing?.reason ?? '', /it breaks 40 of 100 requests, the others 1 of 200, though/)
})

test('few requests, small shares, or what the others do too make nobody a liar', () => {
  const nobody = (...targets: readonly TargetStatus[]) => {
    assert.equal(noted(targets).replacing, undefined)
  }
  nobody(broke(1, 0), broke(2, 4, 10), broke(3, 0))
  nobody(broke(1, 0, 4), broke(2, 40), broke(3, 0, 4))
  nobody(broke(1, 0), broke(2, 4), broke(3, 0))
  nobody(broke(1, 0, 1_000), broke(2, 90, 1_000), broke(3, 0, 1_000))
  nobody(broke(1, 20), broke(2, 40), broke(3, 20))
  nobody(broke(1, 100), broke(2, 100))
  nobody(good(1), good(2))
  nobody(broke(1, 50))
})

test('a liar waits for those that fail their checks, and for the end of an outage', () => {
  const both = noted([broke(1, 0), broke(2, 40), bad(3), broke(4, 0)])
  assert.equal(both.replacing?.instance, 'web-3')
  const memory = { outage: { ...SHARED, calmSinceMs: NOW - 1_000 } }
  assert.equal(noted([broke(1, 0), broke(2, 40)], { memory }).replacing, undefined)
})

test('without a balancer that answers nothing begins and nothing ends', () => {
  const memory = groupMemory(2, { replacing: ON })
  const seen = { ...seenOf([instance(1)], readings()), balancer: { kind: 'down', reason: 'x' } }
  const health = { group: groupSpec(), seen: seen as ReturnType<typeof seenOf>, memory, nowMs: NOW }
  assert.equal(noteReplacement(health), memory)
})
