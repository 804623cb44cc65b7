// A range of the past out of Prometheus, in pieces that it takes, as rows of time and value.
import { fault } from '../../core/errors.ts'
import type { Fault, MetricsSpec } from '../../core/model.ts'
import { type Sample, sampleOf } from './answer.ts'
import { call } from './call.ts'
import { type Place, placeOf } from './place.ts'

/** Points of one piece; Prometheus refuses more than 11,000. */
const MOST_POINTS = 10_000
const TIMEOUT_MS = 60_000
const MOST_BYTES = 32_000_000

/** What part of the past, in seconds since the epoch; both ends are asked for. */
export interface Span {
  readonly query: string
  readonly startS: number
  readonly endS: number
  readonly stepS: number
}

/** What it is read with; `progress` is told the share that is done, 0 to 1. */
export interface RangeOptions {
  readonly environment: NodeJS.ProcessEnv
  readonly progress: (share: number) => void
}

/**
 * The samples in order of time; what is missing, NaN or infinite is left out. Faults: E_METRICS,
 * E_ENV_MISSING.
 */
export async function readRange(
  from: MetricsSpec,
  span: Span,
  { environment, progress }: RangeOptions,
): Promise<readonly Sample[] | Fault> {
  const place = placeOf(from, environment)
  if ('code' in place) return place
  const pieces = piecesOf(span)
  const samples: Sample[] = []
  try {
    for (const [i, piece] of pieces.entries()) {
      const part = await readPiece(place, piece)
      if ('code' in part) return part
      samples.push(...part)
      progress((i + 1) / pieces.length)
    }
  } finally {
    place.agent.destroy()
  }
  return samples
}

/** The span cut up so that no piece has more points than Prometheus gives at once. */
export function piecesOf(span: Span): readonly Span[] {
  const points = Math.floor((span.endS - span.startS) / span.stepS) + 1
  return Array.from({ length: Math.ceil(points / MOST_POINTS) }, (_, i) => {
    const first = i * MOST_POINTS
    const last = Math.min(points, first + MOST_POINTS) - 1
    const at = (point: number) => span.startS + point * span.stepS
    return { ...span, startS: at(first), endS: at(last) }
  })
}

async function readPiece(place: Place, piece: Span): Promise<readonly Sample[] | Fault> {
  const { query, startS, endS, stepS } = piece
  const params = { query, start: String(startS), end: String(endS), step: String(stepS) }
  const bounds = { timeoutMs: TIMEOUT_MS, mostBytes: MOST_BYTES }
  const never = new AbortController().signal
  const answer = await call(place, { path: 'query_range', params, ...bounds }, never)
  if (answer.kind === 'none') return fault('E_METRICS', answer.reason, !answer.refused)
  const { resultType, result } = (answer.data ?? {}) as { resultType?: unknown; result?: unknown }
  if (resultType !== 'matrix' || !Array.isArray(result)) {
    return fault('E_METRICS', `${place.shown} answers no range`)
  }
  if (result.length > 1) {
    const message = `the query gives ${result.length} series where one is expected: sum() makes them one`
    return fault('E_METRICS', message)
  }
  const values: unknown = (result[0] as { values?: unknown } | undefined)?.values ?? []
  return (Array.isArray(values) ? values : []).flatMap((pair) => {
    const sample = sampleOf(pair)
    return sample !== undefined && Number.isFinite(sample.value) ? [sample] : []
  })
}
