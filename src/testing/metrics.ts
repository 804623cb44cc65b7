// The conformance suite for the Metrics port: one number with its time, or the reason why not.
import { strict as assert } from 'node:assert'
import { after, before, describe, test } from 'node:test'
import type { MetricsSpec, Reading } from '../core/model.ts'
import type { Metrics } from '../core/ports.ts'

/** A monitor under test, and queries for it by what they must come to. */
export interface MetricsSubject {
  readonly metrics: Metrics
  readonly from: MetricsSpec
  readonly queries: {
    /** Give 42 and 7. */
    readonly good: readonly [string, string]
    /** Finds nothing. */
    readonly empty: string
    /** Gives two series. */
    readonly several: string
    readonly nan: string
    readonly infinite: string
    /** Is no query at all. */
    readonly broken: string
  }
  /** Makes it unreachable until the returned function is called. */
  breakDown(): Promise<() => Promise<void>>
  dispose(): Promise<void>
}

/** Runs the suite with `node:test`. */
export function metricsConformance(name: string, create: () => Promise<MetricsSubject>): void {
  describe(`metrics conformance: ${name}`, () => {
    let subject: MetricsSubject
    before(async () => {
      subject = await create()
    })
    after(() => subject.dispose())
    const read = (queries: readonly string[], signal = new AbortController().signal) =>
      subject.metrics.read(subject.from, queries, signal)

    test('one number each, in order, with a time of now', async () => {
      const [a, b] = subject.queries.good
      const readings = await read([b, a, b])
      assert.deepEqual(readings.map(shown), [7, 42, 7])
      for (const reading of readings) {
        assert.ok(reading.kind === 'value' && Number.isFinite(reading.atMs))
      }
      assert.deepEqual(await read([]), [])
    })

    test('what is no single number is missing, with a reason, and spoils nothing else', async () => {
      const { good, empty, several, nan, infinite, broken } = subject.queries
      const readings = await read([empty, several, nan, good[0], infinite, broken])
      assert.deepEqual(readings.map(shown), [NONE, NONE, NONE, 42, NONE, NONE])
      for (const reading of readings) {
        if (reading.kind === 'missing') assert.ok(reading.reason.length > 5, reading.reason)
      }
    })

    test('an outage is missing, never zero and never an error; then it works again', async () => {
      const heal = await subject.breakDown()
      const during = await read([...subject.queries.good])
      assert.deepEqual(during.map(shown), [NONE, NONE])
      await heal()
      assert.deepEqual((await read([subject.queries.good[0]])).map(shown), [42])
    })

    test('once cancelled everything is missing', async () => {
      const readings = await read([...subject.queries.good], AbortSignal.abort())
      assert.deepEqual(readings.map(shown), [NONE, NONE])
    })
  })
}

const NONE = 'missing'

function shown(reading: Reading): number | string {
  return reading.kind === 'value' ? reading.value : NONE
}
