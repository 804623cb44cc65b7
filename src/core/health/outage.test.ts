// What most checks failing at once is taken for, when that changes, and when it is over.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { groupSpec } from '../../../tests/simulation/loop.ts'
import {
  groupMemory,
  instance,
  NOW,
  seenOf,
  targetOf,
  value,
} from '../../../tests/simulation/moment.ts'
import type { GroupMemory, GroupReadings, GroupSpec, Instance, TargetStatus } from '../model.ts'
import type { CheckFailure, Outage } from './model.ts'
import { noteOutage } from './outage.ts'

interface Given {
  readonly memory?: Partial<GroupMemory>
  readonly readings?: Partial<GroupReadings>
  readonly group?: Partial<GroupSpec>
  readonly instances?: readonly Instance[]
}

function bad(n: number, check: CheckFailure = 'answered', inFlight = 0): TargetStatus {
  const healthReason = check === 'answered' ? 'GET /healthz answered 503' : 'no answer'
  return targetOf(`web-${n}`, {
    ...{ health: 'unhealthy', healthSinceMs: NOW - 2_000, healthReason, check, inFlight },
  })
}
const good = (n: number) => targetOf(`web-${n}`)

function noted(targets: readonly TargetStatus[], given: Given = {}): Outage | undefined {
  const instances = given.instances ?? targets.map((t) => instance(Number(t.instance.slice(4))))
  const seen = seenOf(instances, given.readings ?? {}, targets)
  const memory = groupMemory(instances.length, given.memory ?? {})
  return noteOutage({ group: groupSpec(given.group ?? {}), seen, memory, nowMs: NOW }).outage
}

const SHARED: Outage = { cause: 'shared', sinceMs: NOW - 9_000, reason: 'down', probes: 0 }
const CAPACITY: Outage = { cause: 'capacity', sinceMs: NOW - 9_000, reason: 'full', probes: 0 }

test('some failing while others pass is their own affair', () => {
  assert.equal(noted([good(1), good(2), bad(3)]), undefined)
  assert.equal(noted([good(1), bad(2)]), undefined)
  assert.equal(noted([good(1), bad(2), bad(3)]), undefined)
  assert.equal(noted([bad(1)]), undefined)
})

test('all failing while not full is a shared cause, and says how they fail', () => {
  const outage = noted([bad(1), bad(2), bad(3)])
  assert.deepEqual([outage?.cause, outage?.sinceMs], ['shared', NOW])
  assert.match(
    outage?.reason ?? '',
    /^all 3 instances fail their check alike \(GET \/healthz answered 503\): a shared cause/,
  )
  const mixed = noted([bad(1), bad(2, 'silent')])
  assert.match(mixed?.reason ?? '', /fail their check \(GET \/healthz answered 503, others other/)
})

test('most failing while full is a lack of capacity: by CPU, requests in flight or latency', () => {
  const cpu = noted([good(1), bad(2), bad(3)], { readings: { cpuPercent: value(91) } })
  assert.equal(cpu?.cause, 'capacity')
  assert.match(cpu?.reason ?? '', /2 of 3 instances .* full \(CPU 91 % of a core, 80 % is full\)/)
  const busy = noted([bad(1, 'silent', 8), bad(2, 'silent', 8)])
  assert.match(busy?.reason ?? '', /2 of 2 .* full \(8 in flight each, 8 is full\)/)
  const late = noted([bad(1, 'silent'), bad(2, 'silent')], { readings: { p99Ms: value(600) } })
  assert.match(late?.reason ?? '', /full \(p99 600 ms, 300 ms is the SLO\)/)
})

test('what they carried just before counts, what piles up since does not', () => {
  const at = (agoMs: number) => ({ inFlightTrail: [{ atMs: NOW - agoMs, value: 40 }] })
  const targets = [bad(1, 'silent'), bad(2, 'silent')]
  assert.equal(noted(targets, { memory: at(3_000) })?.cause, 'capacity')
  assert.equal(noted(targets, { memory: at(1_000) })?.cause, 'shared')
})

test('where checks are answered, or nobody listens, only CPU tells of capacity', () => {
  for (const check of ['answered', 'refused'] as const) {
    const targets = [bad(1, check, 50), bad(2, check, 50)]
    const readings = { p99Ms: value(5_000) }
    assert.equal(noted(targets, { readings })?.cause, 'shared')
    const cpuPercent = value(96)
    assert.equal(noted(targets, { readings: { ...readings, cpuPercent } })?.cause, 'capacity')
  }
})

test('it is over after ten seconds in which enough passed, and begins anew before that', () => {
  const calm = noted([good(1), bad(2)], { memory: { outage: SHARED } })
  assert.equal(calm?.calmSinceMs, NOW)
  const late = { ...SHARED, calmSinceMs: NOW - 9_999 }
  assert.equal(noted([good(1), good(2)], { memory: { outage: late } })?.calmSinceMs, NOW - 9_999)
  const done = { ...SHARED, calmSinceMs: NOW - 10_000 }
  assert.equal(noted([good(1), good(2)], { memory: { outage: done } }), undefined)
  const again = noted([bad(1), bad(2)], { memory: { outage: late } })
  assert.equal(again?.calmSinceMs, undefined)
  assert.equal(again?.sinceMs, SHARED.sinceMs)
})

test('nobody to ask, nobody to check: what was known stands', () => {
  const memory = groupMemory(2, { outage: SHARED })
  const base = { group: groupSpec(), memory, nowMs: NOW }
  const down = { ...seenOf([instance(1)]), balancer: { kind: 'down', reason: 'gone' } as const }
  assert.equal(noteOutage({ ...base, seen: down }), memory)
  const fault = { code: 'E_TIMEOUT', message: 'too slow', retryable: true }
  const unknown = { ...seenOf([instance(1)]), status: { kind: 'unknown', fault } as const }
  assert.equal(noteOutage({ ...base, seen: unknown }), memory)
  assert.equal(noteOutage({ ...base, seen: seenOf([]) }), memory)
})

test('capacity stands for a while after load fell; then it is shared, or nothing', () => {
  const recent = { ...CAPACITY, fullAtMs: NOW - 5_000 }
  const idle = [bad(1, 'silent'), bad(2, 'silent')]
  assert.equal(noted(idle, { memory: { outage: recent } })?.cause, 'capacity')
  const old = { ...CAPACITY, fullAtMs: NOW - 10_000 }
  assert.equal(noted(idle, { memory: { outage: old } })?.cause, 'shared')
  const most = noted([good(1), ...idle.slice(1), bad(3, 'silent')], { memory: { outage: old } })
  assert.equal(most?.calmSinceMs, NOW)
})

test('more instances that do not help point to a shared cause, unless work gets done', () => {
  const step = { atMs: NOW - 20_000, to: 3, well: 0 }
  const outage = { ...CAPACITY, fullAtMs: NOW - 1_000, step }
  const stuck = { responses: value(0) }
  const ages = [60_000, 60_000, 15_000]
  const instances = ages.map((ageMs, n) => {
    return instance(n + 1, {
      startedAtMs: NOW - ageMs,
      phaseAtMs: NOW - Math.max(0, ageMs - 3_000),
    })
  })
  const targets = [1, 2, 3].map((n) => bad(n, 'silent', 20))
  const given = { memory: { outage }, readings: stuck, instances }
  const verdict = noted(targets, given)
  assert.equal(verdict?.cause, 'shared')
  assert.match(verdict?.reason ?? '', /the step to 3 did not help: a shared cause/)
  const working = { responses: value(400), errorsRatio: value(0.1) }
  assert.equal(noted(targets, { ...given, readings: working })?.cause, 'capacity')
  const computing = { ...stuck, cpuPercent: value(99) }
  assert.equal(noted(targets, { ...given, readings: computing })?.cause, 'capacity')
  const young = { ...outage, step: { ...step, atMs: NOW - 9_000 } }
  assert.equal(noted(targets, { ...given, memory: { outage: young } })?.cause, 'capacity')
  const helped = { ...outage, step: { ...step, well: -1 } }
  assert.equal(noted(targets, { ...given, memory: { outage: helped } })?.cause, 'capacity')
  const later = { ...outage, cause: 'shared' as const }
  assert.equal(noted(targets, { ...given, memory: { outage: later } })?.cause, 'shared')
})
