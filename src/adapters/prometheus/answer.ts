// The `data` of an answer as one number with its time, or why it is none.

/** A number and the instant it was evaluated for, in seconds since the epoch, by its own clock. */
export interface Sample {
  readonly value: number
  readonly atS: number
}

/** The only sample of an instant query; words where it is no single number. */
export function sampleIn(data: unknown): Sample | string {
  const { resultType, result } = (data ?? {}) as { resultType?: unknown; result?: unknown }
  if (resultType === 'scalar') return finite(result)
  if (resultType !== 'vector' || !Array.isArray(result)) {
    const found = typeof resultType === 'string' ? `a ${resultType}` : 'something else'
    return `the query gives ${found} where one number is expected`
  }
  if (result.length === 0) return 'the query finds no series'
  if (result.length > 1) {
    return `the query gives ${result.length} series where one number is expected: sum() makes them one`
  }
  return finite((result[0] as { value?: unknown } | null)?.value)
}

function finite(pair: unknown): Sample | string {
  const sample = sampleOf(pair)
  if (sample === undefined) return 'the answer holds no number'
  return Number.isFinite(sample.value) ? sample : `the query gives ${sample.value}`
}

/** A pair `[seconds, "value"]` as the API writes it; NaN and infinities are values here. */
export function sampleOf(pair: unknown): Sample | undefined {
  if (!Array.isArray(pair)) return undefined
  const [atS, text] = pair as readonly unknown[]
  if (typeof atS !== 'number' || typeof text !== 'string' || text === '') return undefined
  const value = Number(text.replace(/^([+-]?)Inf$/, '$1Infinity'))
  return Number.isNaN(value) && text !== 'NaN' ? undefined : { value, atS }
}
