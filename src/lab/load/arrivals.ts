// Which request is due when: a seeded Poisson process over a profile of rates. Pure.
import type { Random } from '../../core/ports.ts'
import type { FaultMark } from './answer.ts'

/** A stretch of the profile: `rps` throughout, or rising or falling evenly to `toRps`. */
export interface Segment {
  /** Whole seconds, so that every second belongs to one segment. */
  readonly seconds: number
  /** Requests per second. */
  readonly rps: number
  readonly toRps?: number
}

/** The mixture of requests. */
export interface Mix {
  /** Share of requests that ask for a fault, 0 to 1. */
  readonly faultRatio: number
  /** Share of requests that are POSTs, 0 to 1. */
  readonly postRatio: number
}

/** One request to make. */
export interface Shot {
  readonly method: 'GET' | 'POST'
  readonly path: string
  readonly body?: string
  readonly mark?: FaultMark
}

/** A request and when it is due, in milliseconds from the start of the profile. */
export interface Arrival {
  readonly dueMs: number
  readonly shot: Shot
}

const PRODUCTS = 1_000
const MAX_QUANTITY = 5

/** The length of a profile, in seconds. Throws on a segment that is no whole number of seconds. */
export function profileSeconds(profile: readonly Segment[]): number {
  let total = 0
  for (const { seconds } of profile) {
    if (!Number.isInteger(seconds) || seconds < 1) {
      throw new RangeError(`a segment lasts a whole number of seconds, not ${seconds}`)
    }
    total += seconds
  }
  return total
}

/** The arrivals of a profile in order; gaps are exponential, so bursts and lulls happen. */
export function* arrivals(
  profile: readonly Segment[],
  mix: Mix,
  random: Random,
): Generator<Arrival> {
  let startMs = 0
  for (const segment of profile) {
    const endMs = startMs + segment.seconds * 1_000
    // Candidates come at the highest rate of the segment; each is kept by the rate at its moment.
    const peak = Math.max(segment.rps, segment.toRps ?? segment.rps)
    let dueMs = startMs
    while (peak > 0) {
      dueMs += (-Math.log(1 - random()) / peak) * 1_000
      if (dueMs >= endMs) break
      const rps = rateAt(segment, (dueMs - startMs) / (endMs - startMs))
      if (rps === peak || random() * peak < rps) yield { dueMs, shot: drawShot(mix, random) }
    }
    startMs = endMs
  }
}

function rateAt({ rps, toRps = rps }: Segment, share: number): number {
  return rps + (toRps - rps) * share
}

/** Draws one request of the mix. */
export function drawShot(mix: Mix, random: Random): Shot {
  const product = Math.floor(random() * PRODUCTS)
  const marked = random() < mix.faultRatio
  const mark: { mark?: FaultMark } = marked ? { mark: random() < 0.5 ? 'reset' : 'late' } : {}
  if (random() >= mix.postRatio) return { method: 'GET', path: `/products/${product}`, ...mark }
  const quantity = 1 + Math.floor(random() * MAX_QUANTITY)
  return { method: 'POST', path: '/orders', body: JSON.stringify({ product, quantity }), ...mark }
}
