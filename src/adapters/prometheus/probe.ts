// Whether a Prometheus can be asked, and takes the queries of the file: for people, before a start.
import type { MetricsSpec } from '../../core/model.ts'
import { call } from './call.ts'
import { placeOf } from './place.ts'

const TIMEOUT_MS = 2_000
const MOST_BYTES = 1_000_000

/** A query and what it is called in a message. */
export interface ProbedQuery {
  readonly name: string
  readonly query: string
}

/** What is wrong, one sentence each; empty where nothing is. That a query finds nothing is fine. */
export async function probePrometheus(
  from: MetricsSpec,
  queries: readonly ProbedQuery[],
  environment: NodeJS.ProcessEnv,
): Promise<readonly string[]> {
  const place = placeOf(from, environment)
  if ('code' in place) return [place.message]
  const never = new AbortController().signal
  const ask = (query: string) => {
    const bounds = { timeoutMs: TIMEOUT_MS, mostBytes: MOST_BYTES }
    return call(place, { path: 'query', params: { query }, ...bounds }, never)
  }
  try {
    const first = await ask('1')
    if (first.kind === 'none')
      return [`${first.reason}; until it can be read, its readings are missing`]
    const answers = await Promise.all(
      queries.map(async ({ name, query }) => {
        const answer = await ask(query)
        return answer.kind === 'none' && answer.refused ? [`${name}: ${answer.reason}`] : []
      }),
    )
    return answers.flat()
  } finally {
    place.agent.destroy()
  }
}
