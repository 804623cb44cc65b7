// The rehearsal as a whole: what it remembers is plain, its plan cautious where the past was wild.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { MIDNIGHT, rehearsed, sampleOf } from '../../../tests/simulation/demand.ts'
import { FORECASTERS } from './forecasters.ts'
import type { DemandMemory } from './model.ts'
import { isOff, rehearse, type Sample } from './rehearse.ts'

const step = fc.record({
  value: fc.oneof(
    { weight: 3, arbitrary: fc.double({ min: 0, max: 1_000, noNaN: true }) },
    { weight: 1, arbitrary: fc.constantFrom(0, 0, 1e-9, 1e7, 1e10) },
  ),
  seconds: fc.oneof(
    { weight: 6, arbitrary: fc.constantFrom(1, 5, 15) },
    { weight: 1, arbitrary: fc.constantFrom(-7_200, -0.2, 0, 0.1, 90, 4_000, 400_000) },
  ),
})
const past = fc.record({
  steps: fc.array(step, { minLength: 1, maxLength: 60 }),
  bootS: fc.constantFrom(0, 0.3, 45, 600),
  target: fc.constantFrom(0.001, 1, 50, 1e6),
  lateRatio: fc.constantFrom(0, 1e-3, 1),
  queues: fc.boolean(),
})

type Past = typeof past extends fc.Arbitrary<infer T> ? T : never

function samplesOf({ steps, bootS, ...rest }: Past): readonly Sample[] {
  let atMs = MIDNIGHT
  return steps.map(({ value, seconds }) => {
    atMs += seconds * 1_000
    return sampleOf({ ...rest, value, bootS, turnoverS: Math.max(8, bootS + 10), atMs })
  })
}

function plain(memory: DemandMemory): DemandMemory {
  return JSON.parse(JSON.stringify(memory))
}

test('whatever comes, memory is plain JSON and decides the same after it was stored', () => {
  fc.assert(
    fc.property(past, (one) => {
      let memory: DemandMemory | undefined
      for (const sample of samplesOf(one)) {
        const after = rehearse(memory, sample)
        // NaN, endless numbers, minus zero and undefined don't survive this.
        assert.deepEqual(plain(after), after)
        if (memory !== undefined) assert.deepEqual(rehearse(plain(memory), sample), after)
        memory = after
      }
    }),
    { numRuns: 60 },
  )
})

test('whatever comes, the plan is a number, and no less than two readings in a row', () => {
  fc.assert(
    fc.property(past, (one) => {
      let memory: DemandMemory | undefined
      for (const sample of samplesOf(one)) {
        const before = memory
        memory = rehearse(memory, sample)
        assert.ok(Number.isFinite(memory.plan) && memory.plan >= 0)
        const isNew = before === undefined || sample.atMs - before.atMs >= 250
        if (!isNew) continue
        const last = before?.level.last ?? sample.value
        const least = Math.max(memory.level.fast, Math.min(sample.value, last))
        assert.ok(memory.plan >= least * (1 - 1e-9) - 1e-9, `${memory.plan} for ${least}`)
      }
    }),
    { numRuns: 60 },
  )
})

test('what is remembered does not grow', () => {
  const size = (seconds: number) => {
    const memory = rehearsed((t) => 100 + (t % 977), { seconds })
    return [memory.past.ring.length, memory.lateness.late.length, memory.peaks.length]
  }
  assert.deepEqual(size(600), size(7_200))
  assert.equal(size(600)[0], 4)
})

test('nothing comes: the plan goes to nothing, and no sum goes astray', () => {
  const memory = rehearsed((t) => (t < 3_600 ? 500 : 0), { seconds: 30 * 86_400, stepS: 30 })
  assert.ok(memory.plan < 1, `${memory.plan}`)
  assert.ok(memory.blend.expectedLate >= 0 && memory.blend.expectedLate <= 1)
  assert.deepEqual(plain(memory), memory)
})

test('what doubles every few minutes gets more headroom than what is smooth', () => {
  const headroom = (rate: (t: number) => number) => {
    const { plan, level } = rehearsed(rate, { seconds: 6 * 3_600 })
    return plan / level.fast
  }
  const smooth = headroom(() => 400)
  const doubling = headroom((t) => 100 * 2 ** (Math.floor(t / 180) % 4))
  assert.ok(smooth > 1.04 && smooth < 1.2, `${smooth}`)
  assert.ok(doubling > 1.6, `${doubling}`)
})

test('a spike is soon forgotten where boots are fast, and kept in mind where they are slow', () => {
  const day = 86_400
  const headroom = (bootS: number, afterS: number) => {
    const spike = (t: number) => (t >= day && t < day + 60 ? 300 : 100)
    const turnoverS = Math.max(8, bootS + 10)
    return rehearsed(spike, { seconds: day + 60 + afterS, bootS, turnoverS }).plan / 100
  }
  const [soon, later, slow] = [headroom(1, 60), headroom(1, 900), headroom(180, 900)]
  assert.ok(soon > 2 && later < 1.6, `${soon} and then ${later}`)
  assert.ok(slow > 2.5, `${slow}`)
})

test('another signal, and another value per instance, begin anew', () => {
  const known = rehearsed(() => 100, { seconds: 600 })
  const atMs = known.atMs + 1_000
  for (const change of [{ target: 60 }, { signal: 'cpu' as const }]) {
    const sample = sampleOf({ atMs, value: 7, ...change })
    assert.deepEqual(rehearse(known, sample), rehearse(undefined, sample))
  }
  assert.notEqual(rehearse(known, sampleOf({ atMs })).sinceMs, atMs)
})

test('readings of the same quarter of a second are one', () => {
  const known = rehearsed(() => 100, { seconds: 60 })
  assert.equal(rehearse(known, sampleOf({ value: 900, atMs: known.atMs + 249 })), known)
  assert.notEqual(rehearse(known, sampleOf({ value: 900, atMs: known.atMs + 250 })), known)
})

test('a clock that is set back loses nothing that was learned', () => {
  const known = rehearsed((t) => (t % 600 < 60 ? 900 : 100), { seconds: 7_200 })
  const back = rehearse(known, sampleOf({ value: 100, atMs: known.atMs - 3_600_000 }))
  assert.equal(back.atMs, known.atMs - 3_600_000)
  assert.equal(back.atMs - back.sinceMs, known.atMs - known.sinceMs)
  const on = (memory: DemandMemory) => {
    return rehearse(memory, sampleOf({ value: 100, atMs: memory.atMs + 5_000 }))
  }
  const [there, here] = [on(known), on(back)]
  assert.deepEqual(here.lateness, there.lateness)
  assert.deepEqual(here.spent, there.spent)
  assert.deepEqual(here.blend.times, there.blend.times)
})

test('a gap counts as a minute at most, and all before it stays', () => {
  const known = rehearsed(() => 100, { seconds: 7_200, exact: true })
  const later = rehearse(known, sampleOf({ value: 100, atMs: known.atMs + 50 * 60_000 }))
  assert.equal(later.total - known.total, 60 * 100)
})

test('what was long ago counts half after three days', () => {
  const day = rehearsed(() => 1, { seconds: 86_400, stepS: 60, exact: true }).total
  const week = rehearsed(() => 1, { seconds: 30 * 86_400, stepS: 60, exact: true }).total
  // Of 86,400 a day, fading, not more than this sum is left.
  const most = 86_400 / (1 - 2 ** (-1 / 3))
  assert.ok(day < 86_400 && day > 70_000)
  assert.ok(week > 0.8 * most && week < most, `${week} of ${most}`)
})

test('the plan that rehearsal makes would have sufficed for a calm group', () => {
  const { own, blend } = rehearsed(() => 400, { seconds: 2 * 3_600, stepS: 1 })
  assert.ok(own.late <= 0.01 * own.total)
  assert.ok(own.total > 400 * 3_000 && own.total <= 400 * 3_700)
  assert.equal(isOff({ own, blend }), false)
})

const FIXED = FORECASTERS.findIndex((one) => one.keeps === 5 && one.trend)

test('far more late than the rehearsal let expect: then fixed headroom is in the plan', () => {
  const calm = rehearsed(() => 100, { seconds: 7_200, exact: true })
  const late = (ratio: number): DemandMemory => {
    const expected = { ...calm.blend, expectedLate: 0.01 }
    return { ...calm, blend: expected, own: { queue: 0, late: ratio * 1_000, total: 1_000 } }
  }
  assert.deepEqual([isOff(late(0.049)), isOff(late(0.051))], [false, true])
  const next = (memory: DemandMemory) => {
    return rehearse(memory, sampleOf({ value: 100, atMs: memory.atMs + 1_000 }))
  }
  const trusted = next(late(0.049))
  const fixed = next(late(0.051))
  assert.ok(trusted.plan < 120)
  assert.ok(Math.abs(fixed.plan - 1.35 * (fixed.peaks[FIXED] ?? 0)) < 1e-9)
  assert.ok(fixed.plan >= 134.9)
})

test('a group whose demand breaks with its past is told by its own coverage', () => {
  // Calm for a day, then waves, each steeper than all before: the plan is late with all of them.
  const wave = (t: number) => {
    const since = t - 86_400
    if (since < 0) return 100
    return since % 400 < 200 ? 100 : 100 * 2 ** Math.ceil(since / 400)
  }
  const seen: boolean[] = []
  for (const seconds of [86_400, 86_400 + 1_000, 86_400 + 1_800]) {
    seen.push(isOff(rehearsed(wave, { seconds, bootS: 180, turnoverS: 190, stepS: 10 })))
  }
  assert.equal(seen[0], false)
  assert.ok(seen.includes(true))
})
