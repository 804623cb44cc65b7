// The Metrics port over Prometheus's HTTP API.
import type { EpochMs, Fault, MetricsSpec, Reading } from '../../core/model.ts'
import type { Cancel, Clock, Metrics } from '../../core/ports.ts'
import { type Sample, sampleIn } from './answer.ts'
import { type Answer, call } from './call.ts'
import { freshnessQuery, looksBack } from './freshness.ts'
import { type Place, placeOf } from './place.ts'

/** Shorter than what the loop allows all its sources. */
const TIMEOUT_MS = 1_500
const MOST_BYTES = 1_000_000

/** What it stands on; `environment` is where `$NAME` is read. */
export interface PrometheusOptions {
  readonly clock: Pick<Clock, 'now'>
  readonly environment: NodeJS.ProcessEnv
  readonly timeoutMs?: number
}

/** A Prometheus, whichever the specification names at each reading. */
export function createPrometheusMetrics(options: PrometheusOptions): Metrics {
  return new PrometheusMetrics(options)
}

class PrometheusMetrics implements Metrics {
  readonly #options: PrometheusOptions
  #from: MetricsSpec | undefined
  #place: Place | undefined

  constructor(options: PrometheusOptions) {
    this.#options = options
  }

  async read(
    from: MetricsSpec,
    queries: readonly string[],
    cancel: Cancel,
  ): Promise<readonly Reading[]> {
    const place = this.#placeOf(from)
    if ('code' in place) return queries.map(() => missing(place.message))
    // The same query for several groups is asked once.
    const distinct = [...new Set(queries)]
    const ask = async (query: string) =>
      [query, await this.#ask(place, query, from, cancel)] as const
    const readings = new Map(await Promise.all(distinct.map(ask)))
    return queries.map((query) => readings.get(query) ?? missing('it was not asked'))
  }

  close(): Promise<void> {
    this.#place?.agent.destroy()
    return Promise.resolve()
  }

  // A changed specification makes new connections; what could not be read is tried again.
  #placeOf(from: MetricsSpec): Place | Fault {
    if (this.#place !== undefined && this.#from === from) return this.#place
    this.#place?.agent.destroy()
    this.#place = undefined
    const place = placeOf(from, this.#options.environment)
    if ('code' in place) return place
    this.#from = from
    this.#place = place
    return place
  }

  async #ask(place: Place, query: string, from: MetricsSpec, cancel: Cancel): Promise<Reading> {
    const { timeoutMs = TIMEOUT_MS, clock } = this.#options
    const instant = (text: string): Promise<Answer> => {
      const params = { query: text, timeout: `${timeoutMs}ms` }
      const bounds = { timeoutMs, mostBytes: MOST_BYTES }
      return call(place, { path: 'query', params, ...bounds }, cancel)
    }
    const fresh = freshnessQuery(query)
    const [answer, age] = await Promise.all([
      instant(query),
      fresh === undefined ? undefined : instant(fresh),
    ])
    if (answer.kind === 'none') return missing(answer.reason)
    const sample = sampleIn(answer.data)
    if (typeof sample === 'string') return missing(sample)
    return judged(sample, age, { query, nowMs: clock.now(), maxAgeMs: from.maxAgeMs })
  }
}

function missing(reason: string): Reading {
  return { kind: 'missing', reason }
}

function judged(
  { value }: Sample,
  age: Answer | undefined,
  at: { readonly query: string; readonly nowMs: EpochMs; readonly maxAgeMs: number },
): Reading {
  const now: Reading = { kind: 'value', value, atMs: at.nowMs }
  // A selector that only we misread must not take the reading away.
  if (age === undefined || (age.kind === 'none' && age.refused)) return now
  if (age.kind === 'none') return missing(`its age is unknown: ${age.reason}`)
  const newest = sampleIn(age.data)
  if (typeof newest === 'string') {
    return looksBack(at.query) ? now : missing('its series have ended')
  }
  const ageMs = Math.max(0, Math.round((newest.atS - newest.value) * 1_000))
  if (ageMs <= at.maxAgeMs) return { kind: 'value', value, atMs: at.nowMs - ageMs }
  return missing(`it is stale: the newest sample is ${Math.round(ageMs / 1_000)} s old`)
}
