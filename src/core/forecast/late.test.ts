// What would have come late, against its definition: every forecaster at every step, one by one, by
// a slow loop over all that was seen.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { MIDNIGHT, sampleOf } from '../../../tests/simulation/demand.ts'
import { COUNT, FORECASTERS, SPREADING, SPREADS, STEPS, TIMES } from './forecasters.ts'
import { spreadAt } from './level.ts'
import type { DemandMemory } from './model.ts'
import { rehearse, type Sample } from './rehearse.ts'

interface Said {
  readonly atMs: number
  readonly values: readonly number[]
  readonly spreads: readonly number[]
}

// What each forecaster says, read off the memory that it left.
function saidOf({ atMs, peaks, seasons, level }: DemandMemory): Said {
  const values = FORECASTERS.map(({ season }, f) => {
    return Math.max(peaks[f] ?? 0, season === undefined ? 0 : (seasons[season]?.ahead ?? 0))
  })
  const spreads = FORECASTERS.map((_, f) => {
    return SPREADING.includes(f) ? spreadAt(peaks[f] ?? 0, level) : 0
  })
  return { atMs, values, spreads }
}

/** What an instance fleet of one index would have gone through. */
interface Gone {
  readonly queue: number
  readonly late: number
}

// From the definition: the least of the last four moments, a quarter of a boot apart, and of now.
function slowly(samples: readonly Sample[], memories: readonly DemandMemory[]): readonly Gone[] {
  const said = memories.map(saidOf)
  return TIMES.map((times, i) => {
    const f = Math.floor(i / STEPS)
    const had = ({ values, spreads }: Said) => {
      return { value: values[f] ?? 0, spread: spreads[f] ?? 0 }
    }
    const marks: Said[] = []
    let gone: Gone = { queue: 0, late: 0 }
    let markedAtMs = said[0]?.atMs ?? 0
    for (const [n, sample] of samples.entries()) {
      const [before, now] = [said[n - 1], said[n]]
      if (before === undefined || now === undefined) continue
      const seconds = Math.min(60, (now.atMs - before.atMs) / 1_000)
      const window = [now, ...(marks.length < 4 ? [] : marks.slice(-4))].map(had)
      const low = Math.min(...window.map(({ value }) => value))
      const spread = Math.min(...window.map((one) => one.spread))
      const level = memories[n]?.level.fast ?? 0
      const load = sample.queues ? sample.value * 1.03 : Math.min(sample.value, level) / 1.1
      const fleet = { had: times * low + (SPREADS[i] ?? 0) * spread, load }
      gone = through(gone, fleet, sample, seconds)
      if (now.atMs - markedAtMs >= (sample.bootS * 1_000) / 4) {
        marks.push(now)
        markedAtMs = now.atMs
      }
    }
    return gone
  })
}

interface Fleet {
  readonly had: number
  readonly load: number
}

function through(
  { queue, late }: Gone,
  { had, load }: Fleet,
  sample: Sample,
  seconds: number,
): Gone {
  const { value, target, queues, waitS } = sample
  const capacity = Math.max(1, Math.ceil(had / target - 1e-9)) * target
  if (!queues) {
    return { queue: 0, late: late + (load > capacity ? Math.min(value, capacity) * seconds : 0) }
  }
  const after = Math.max(0, queue + (load - capacity) * seconds)
  const tooMany = [queue, after].filter((one) => one > capacity * waitS).length
  return { queue: after, late: late + (value * seconds * tooMany) / 2 }
}

const reading = fc.record({
  value: fc.oneof(fc.constantFrom(0, 40, 100, 1_000), fc.double({ min: 0, max: 400, noNaN: true })),
  times: fc.integer({ min: 1, max: 8 }),
})
const past = fc.record({
  readings: fc.array(reading, { minLength: 4, maxLength: 14 }),
  stepS: fc.constantFrom(1, 5, 17),
  bootS: fc.constantFrom(0, 3, 20, 60),
  queues: fc.boolean(),
  waitS: fc.constantFrom(0, 0.25, 5),
})

test('skipping those who had enough changes nothing', () => {
  let everLate = 0
  fc.assert(
    fc.property(past, ({ readings, stepS, ...rest }) => {
      const values = readings.flatMap(({ value, times }) => new Array<number>(times).fill(value))
      const samples = values.map((value, n) => {
        const atMs = MIDNIGHT + n * stepS * 1_000
        return sampleOf({ ...rest, value, atMs, turnoverS: Math.max(8, rest.bootS + 10) })
      })
      const memories: DemandMemory[] = []
      for (const sample of samples) memories.push(rehearse(memories.at(-1), sample))
      const { late, queues, isWaiting } = memories.at(-1)?.lateness ?? assert.fail()
      const expected = slowly(samples, memories)
      for (const [i, gone] of expected.entries()) {
        const at = `${FORECASTERS[Math.floor(i / STEPS)]?.words}, step ${i % STEPS}`
        assert.ok(Math.abs((late[i] ?? -1) - gone.late) < 1e-6, `late: ${at}`)
        assert.ok(Math.abs((queues[i] ?? -1) - gone.queue) < 1e-6, `queue: ${at}`)
        everLate += gone.late
      }
      for (let f = 0; f < COUNT; f += 1) {
        const waits = queues.slice(f * STEPS, (f + 1) * STEPS).some((queue) => queue > 0)
        assert.equal(isWaiting[f], waits)
      }
    }),
    { numRuns: 150 },
  )
  // Otherwise it would have been about nothing.
  assert.ok(everLate > 1_000)
})
