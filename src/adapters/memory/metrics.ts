// A monitor in memory: each query has the answer that the test gave it.
import type { MetricsSpec, Reading } from '../../core/model.ts'
import type { Cancel, Clock, Metrics } from '../../core/ports.ts'

/** An answer: a number, the reason why there is none, or a function for what changes. */
export type MemoryAnswer = number | string | (() => number | string)

/** Answers by the text of the query, filled in. A query without an answer finds no series. */
export class MemoryMetrics implements Metrics {
  readonly answers = new Map<string, MemoryAnswer>()
  /** Why it does not answer at all. */
  down: string | undefined
  /** How old every sample is, in milliseconds. */
  ageMs = 0
  readonly #clock: Pick<Clock, 'now'>

  constructor(clock: Pick<Clock, 'now'>) {
    this.#clock = clock
  }

  read(
    _from: MetricsSpec,
    queries: readonly string[],
    cancel: Cancel,
  ): Promise<readonly Reading[]> {
    const why = cancel.aborted ? 'it was asked for too long' : this.down
    const missing = (reason: string): Reading => ({ kind: 'missing', reason })
    const readings = queries.map((query) => (why === undefined ? this.#one(query) : missing(why)))
    return Promise.resolve(readings)
  }

  #one(query: string): Reading {
    const given = this.answers.get(query) ?? 'the query finds no series'
    const value = typeof given === 'function' ? given() : given
    if (typeof value === 'string') return { kind: 'missing', reason: value }
    if (!Number.isFinite(value)) return { kind: 'missing', reason: `the query gives ${value}` }
    return { kind: 'value', value, atMs: this.#clock.now() - this.ageMs }
  }

  close(): Promise<void> {
    return Promise.resolve()
  }
}
