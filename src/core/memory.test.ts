// What is remembered between turns: failures and their backoff, what runs out, the window of wants.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { groupSpec } from '../../tests/simulation/loop.ts'
import {
  dead,
  groupMemory,
  instance,
  MISSING,
  NOW,
  seenOf,
  value,
} from '../../tests/simulation/moment.ts'
import {
  applyCommand,
  expire,
  failed,
  failureOf,
  freshGroupMemory,
  generationOf,
  learn,
  noteFailures,
  withWant,
} from './memory.ts'
import type { GroupMemory } from './model.ts'

test('a fresh memory wants what lives already, within bounds', () => {
  const fresh = (count: number) => {
    const instances = Array.from({ length: count }, (_, n) => instance(n + 1))
    return freshGroupMemory(groupSpec(), seenOf(instances)).desired
  }
  assert.deepEqual([0, 1, 5, 20].map(fresh), [2, 2, 5, 8])
  const leaving = [instance(1), dead(2), instance(3, { phase: 'stopping' }), instance(4)]
  assert.equal(freshGroupMemory(groupSpec(), seenOf(leaving)).desired, 2)
})

test('a fresh memory takes over the generation that runs, so that nothing is rolled', () => {
  const seen = seenOf([instance(1, { generation: 'aaaa.4' }), instance(2)])
  const memory = freshGroupMemory(groupSpec(), seen)
  assert.equal(generationOf(groupSpec(), memory), 'aaaa.4')
})

test('failures are tried again at once, then after 1, 2, 4, 8, 16 and 30 seconds', () => {
  let memory = groupMemory(2)
  const waits = Array.from({ length: 9 }, () => {
    memory = failed(memory, 'it broke', NOW)
    return (memory.failures.retryAtMs - NOW) / 1_000
  })
  assert.deepEqual(waits, [0, 1, 2, 4, 8, 16, 30, 30, 30])
  assert.equal(memory.failures.reason, 'it broke')
})

test('the backoff stays a number however often it fails', () => {
  let memory = groupMemory(2)
  for (let n = 0; n < 3_000; n++) memory = failed(memory, 'it broke', NOW)
  assert.equal(memory.failures.retryAtMs, NOW + 30_000)
})

test('a quiet minute forgives, and not a moment sooner', () => {
  const memory = failed(groupMemory(2), 'it broke', NOW)
  assert.equal(expire(memory, NOW + 60_000).failures.count, 1)
  assert.equal(expire(memory, NOW + 60_001).failures.count, 0)
})

test('a manual number and a hold run out by themselves', () => {
  const manual = { instances: 4, untilMs: NOW + 1_000, by: 'ops' }
  const hold = { untilMs: NOW + 2_000, by: 'ops' }
  const memory = groupMemory(2, { manual, hold })
  const left = (at: number) => {
    const { manual: m, hold: h } = expire(memory, NOW + at)
    return [m !== undefined, h !== undefined]
  }
  assert.deepEqual(left(999), [true, true])
  assert.deepEqual(left(1_000), [false, true])
  assert.deepEqual(left(2_000), [false, false])
  assert.ok(!('manual' in expire(memory, NOW + 1_000)))
})

test('commands: a scale releases a hold, a restart clears a stopped roll, others are not touched', () => {
  const hold = { untilMs: NOW + 2_000, by: 'ops' }
  const rolloutFailed = { generation: 'aaaa.0', reason: 'it broke' }
  const memory = groupMemory(2, { hold, rolloutFailed })
  const base = { id: 'c1', group: 'web', by: 'api' }
  const scaled = applyCommand(memory, 'web', {
    ...base,
    kind: 'scale',
    instances: 5,
    untilMs: NOW + 1,
  })
  assert.deepEqual(scaled.manual, { instances: 5, untilMs: NOW + 1, by: 'api' })
  assert.equal(scaled.hold, undefined)
  const restarted = applyCommand(memory, 'web', { ...base, kind: 'restart' })
  assert.deepEqual([restarted.restarts, restarted.rolloutFailed], [1, undefined])
  assert.equal(applyCommand(memory, 'jobs', { ...base, kind: 'restart' }), memory)
  assert.equal(applyCommand(memory, 'web', { kind: 'shutdown', id: 'c2', by: 'api' }), memory)
})

test('the window of wants shows that it was seen whole, and holds no more than it must', () => {
  let wants = groupMemory(2).wants
  for (let s = 0; s <= 60; s++) wants = withWant(wants, 3, NOW + s * 1_000, 20_000)
  const [oldest, second] = wants
  assert.ok(oldest && second)
  assert.ok(oldest.atMs <= NOW + 40_000 && second.atMs > NOW + 40_000)
  assert.equal(wants.length, 2, 'of equal wants only the newest says more than the oldest')
  for (let s = 61; s <= 70; s++) wants = withWant(wants, 73 - s, NOW + s * 1_000, 20_000)
  assert.deepEqual(
    wants.map((w) => w.instances),
    [3, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3],
  )
  wants = withWant(wants, 3, NOW + 200_000, 20_000)
  assert.deepEqual(
    wants.map((w) => w.atMs - NOW),
    [70_000, 200_000],
  )
})

test('a settle time of days stays bounded, and is still seen whole', () => {
  const settleMs = 48 * 3_600_000
  let wants = groupMemory(2).wants
  let most = 0
  for (let s = 0; s <= settleMs * 1.2; s += 10_000) {
    // Ever fewer: each of them says something that none of the others does.
    wants = withWant(wants, 1e6 - s / 10_000, NOW + s, settleMs)
    most = Math.max(most, wants.length)
  }
  assert.ok(most > 400 && most <= 1_000, `${most} wants`)
  assert.ok((wants[0]?.atMs ?? 0) <= NOW + settleMs * 1.2 - settleMs)
})

test('the highest want of a window is never lost, however the wants come', () => {
  const series = fc.array(fc.tuple(fc.integer({ min: 10, max: 3_000 }), fc.nat(20)), {
    maxLength: 80,
  })
  fc.assert(
    fc.property(series, fc.integer({ min: 1_000, max: 60_000 }), (steps, settleMs) => {
      let wants = groupMemory(2).wants
      const all: { atMs: number; instances: number }[] = []
      let atMs = NOW
      for (const [ms, instances] of steps) {
        atMs += ms
        all.push({ atMs, instances })
        wants = withWant(wants, instances, atMs, settleMs)
        // An entry stands for what came less than a spacing after it, and was not higher.
        const inside = all.filter((w) => w.atMs >= atMs - settleMs + 1_000)
        const kept = wants.filter((w) => w.atMs >= atMs - settleMs)
        const most = (list: typeof all) => Math.max(0, ...list.map((w) => w.instances))
        assert.ok(most([...kept]) >= most(inside), `${most([...kept])} < ${most(inside)}`)
      }
    }),
  )
})

test('what a request costs is learned at ease only', () => {
  const ready = [instance(1), instance(2)]
  const cost = (
    change: Parameters<typeof seenOf>[1],
    instances = ready,
    memory = groupMemory(2),
  ) => {
    return learn(memory, seenOf(instances, change), NOW).cpuPerRps
  }
  const easy = { cpuPercent: value(40), rps: value(40) }
  assert.equal(cost(easy), 2)
  assert.equal(cost({ ...easy, cpuPercent: value(99) }), undefined)
  assert.equal(cost({ ...easy, rps: value(2) }), undefined)
  assert.equal(cost({ ...easy, rps: MISSING }), undefined)
  assert.equal(cost(easy, [instance(1), instance(2, { phase: 'starting' })]), undefined)
  assert.equal(cost(easy, [instance(1), instance(2, { phaseAtMs: NOW - 4_000 })]), undefined)
  const learned = cost(easy, ready, groupMemory(2, { cpuPerRps: 1 })) ?? 0
  assert.ok(Math.abs(learned - 1.1) < 1e-9)
})

test('the trail of requests in flight: one per second, ten seconds of them, no NaN', () => {
  let memory = groupMemory(2)
  for (let ms = 0; ms < 30_000; ms += 250) {
    const inFlight = ms % 5_000 === 0 ? value(Number.NaN) : value(ms)
    memory = learn(memory, seenOf([instance(1)], { inFlight }), NOW + ms)
  }
  assert.ok(memory.inFlightTrail.length >= 8 && memory.inFlightTrail.length <= 12)
  assert.ok(memory.inFlightTrail.every((t) => Number.isFinite(t.value)))
})

test('a death is a failure, an end that was asked for is not', () => {
  const group = groupSpec()
  const note = (...instances: Parameters<typeof seenOf>[0]) => {
    return noteFailures(groupMemory(2), group, seenOf(instances), NOW).failures.count
  }
  assert.equal(note(instance(1), dead(2)), 1)
  assert.equal(note(instance(1), dead(2), dead(3)), 1, 'once per turn')
  assert.equal(note(instance(1), dead(2, { expected: true })), 0)
  const slow = instance(2, { phase: 'starting', startedAtMs: NOW - 10_001 })
  assert.equal(note(instance(1), slow), 1)
  assert.equal(note(instance(1), { ...slow, startedAtMs: NOW - 10_000 }), 0)
})

test('a new generation that never becomes ready ends the roll; an old one that dies does not', () => {
  const restarted = groupMemory(2, { restarts: 1 })
  const note = (memory: GroupMemory, ...instances: Parameters<typeof seenOf>[0]) => {
    return noteFailures(memory, groupSpec(), seenOf(instances), NOW).rolloutFailed
  }
  const born = { ...dead(3, { wasReady: false, lastLines: ['boom'] }), generation: 'aaaa.1' }
  assert.equal(note(restarted, instance(1), born)?.generation, 'aaaa.1')
  assert.match(note(restarted, instance(1), born)?.reason ?? '', /web-3.*before it was ready.*boom/)
  assert.equal(note(restarted, instance(1), dead(2)), undefined)
  // With no old one left there is nothing to stop for: it must be tried again.
  assert.equal(note(restarted, born), undefined)
})

test('what happened is told with code or signal and the last lines', () => {
  assert.equal(failureOf(dead(1)), 'web-1 exited with code 1')
  const { code: _none, ...killed } = dead(1, { signal: 'SIGKILL' }).exit ?? dead(1).exit ?? {}
  assert.ok('atMs' in killed)
  assert.equal(failureOf(instance(1, { exit: killed })), 'web-1 was ended by SIGKILL')
  const lines = dead(1, { wasReady: false, lastLines: ['a', 'b', 'c', 'd'] })
  assert.match(failureOf(lines), /before it was ready; it last said: b \| c \| d$/)
  const waiting = instance(1, { phase: 'starting', detail: 'nothing listens' })
  assert.equal(failureOf(waiting), 'web-1 never became ready (nothing listens)')
})
