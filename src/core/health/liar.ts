// An instance that passes its checks and breaks requests: found by comparing it with the others.
import { round1 } from '../context.ts'
import type { Checked } from './checks.ts'

/** Fewer requests than these tell nothing, of the one or of all the others. */
const LEAST_REQUESTS = 20
const LEAST_FAILURES = 5
/** Its share of failures is at least this, and this many times that of the others. */
const LEAST_SHARE = 0.1
const TIMES = 3
/** Standard errors between the two shares; 4 are one chance in thirty thousand. */
const LEAST_SCORE = 4

/** The one that stands out most, and why. */
export interface Liar {
  readonly checked: Checked
  readonly reason: string
}

/**
 * Who breaks far more requests than the others do. A request that kills whoever gets it spreads
 * over all of them, so it makes nobody stand out.
 */
export function liarAmong(checked: readonly Checked[]): Liar | undefined {
  const all = sum(checked)
  if (all.failures < LEAST_FAILURES) return undefined
  let worst: { readonly one: Checked; readonly score: number } | undefined
  for (const one of checked) {
    const score = scoreOf(of(one), without(all, of(one)))
    if (score !== undefined && score > (worst?.score ?? 0)) worst = { one, score }
  }
  if (worst === undefined) return undefined
  const own = of(worst.one)
  const others = without(all, own)
  const reason = `it breaks ${own.failures} of ${own.requests} requests, the others ${others.failures} of ${others.requests}, though it passes its check (${round1(worst.score)} standard errors)`
  return { checked: worst.one, reason }
}

function scoreOf(own: Requests, others: Requests): number | undefined {
  if (own.requests < LEAST_REQUESTS || others.requests < LEAST_REQUESTS) return undefined
  const share = own.failures / own.requests
  const usual = others.failures / others.requests
  if (own.failures < LEAST_FAILURES || share < LEAST_SHARE || share < usual * TIMES)
    return undefined
  const pooled = (own.failures + others.failures) / (own.requests + others.requests)
  const variance = pooled * (1 - pooled) * (1 / own.requests + 1 / others.requests)
  const score = variance > 0 ? (share - usual) / Math.sqrt(variance) : 0
  return score >= LEAST_SCORE ? score : undefined
}

interface Requests {
  readonly requests: number
  readonly failures: number
}

const NO_REQUESTS: Requests = { requests: 0, failures: 0 }

function of(checked: Checked): Requests {
  return checked.target.recent ?? NO_REQUESTS
}

function without(all: Requests, own: Requests): Requests {
  return { requests: all.requests - own.requests, failures: all.failures - own.failures }
}

function sum(checked: readonly Checked[]): Requests {
  let [requests, failures] = [0, 0]
  for (const one of checked) {
    const own = of(one)
    requests += own.requests
    failures += own.failures
  }
  return { requests, failures }
}
