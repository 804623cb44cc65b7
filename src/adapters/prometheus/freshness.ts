// How old the samples are that an answer stands on: Prometheus itself answers with the time of
// asking, and a series without an end is carried on for minutes.
import { selectorsOf, tokensOf } from '../../core/promql/scan.ts'

/**
 * PromQL for the time of the newest sample of the oldest selector of a query, in seconds since the
 * epoch; undefined where the query selects nothing.
 */
export function freshnessQuery(query: string): string | undefined {
  const selectors = selectorsOf(query)
  if (selectors.length === 0) return undefined
  // Without labels of their own all but the first would count as the same.
  const newest = selectors.map(
    (selector, i) => `label_replace(max(timestamp(${selector})), "n", "${i}", "", "")`,
  )
  return `min(${newest.join(' or ')})`
}

/** Words of queries that mean to look at what is there no more. */
const LOOKS_BACK = /^(or|offset|absent|.*_over_time|present)$/i

/** Whether a query may have an answer although none of its series has a sample now. */
export function looksBack(query: string): boolean {
  return tokensOf(query).some(
    ({ kind, text }) => text === '@' || (kind === 'word' && LOOKS_BACK.test(text)),
  )
}
