// What the monitor is asked for each group, and what its answers are worth.

import type { GroupSpec, GroupStatus, Reading, Spec } from '../core/model.ts'
import type { Clock, Metrics } from '../core/ports.ts'
import { cpuQuery, NO_CPU } from '../core/promql/cpu.ts'
import { filledIn } from '../core/promql/fill.ts'
import { withDeadline } from './deadline.ts'

/** The name under which a group's CPU stands beside its queries. */
const CPU = 'cpu'

/** A query of a group, filled in. */
export interface Question {
  readonly group: string
  readonly name: string
  readonly query: string
}

/** Readings by group, then by name of the signal; empty where nothing is asked. */
export type Answers = Readonly<Record<string, Readonly<Record<string, Reading>>>>

/** What a group has of the monitor; `cpuPercent` is absent where the provider's own counts. */
export interface FromMonitor {
  readonly queries: Readonly<Record<string, Reading>>
  readonly cpuPercent?: Reading
}

/** Asks everything at once, for at most `ms`. Never rejects. */
export async function askMonitor(
  spec: Spec,
  sources: { readonly metrics?: Metrics; readonly clock: Clock },
  ms: number,
): Promise<Answers> {
  const questions = questionsOf(spec)
  if (questions.length === 0) return {}
  const readings = await readAll(spec, questions, sources, ms)
  const answers: Record<string, Record<string, Reading>> = {}
  for (const [i, { group, name }] of questions.entries()) {
    const reading = readings[i] ?? { kind: 'missing', reason: 'the monitor left it out' }
    answers[group] = { ...answers[group], [name]: reading }
  }
  return answers
}

/**
 * Everything that is asked at each turn. A group that only waits for its end has no signals, and
 * needs no CPU: its bounds let it have no instance.
 */
export function questionsOf(spec: Spec): readonly Question[] {
  return spec.groups.flatMap((group): readonly Question[] => {
    const { name, signals, labels, scaling } = group
    const blanks = { app: spec.app, group: name, ...(labels && { labels }) }
    const queries = signals.flatMap((s) => {
      return s.kind === 'query'
        ? [{ group: name, name: s.name, query: filledIn(s.query, blanks) }]
        : []
    })
    const isWanted = spec.metrics !== undefined && scaling.maxInstances > 0
    return isWanted && labels !== undefined
      ? [...queries, { group: name, name: CPU, query: cpuQuery(labels) }]
      : queries
  })
}

async function readAll(
  { metrics: from }: Spec,
  questions: readonly Question[],
  { metrics, clock }: { readonly metrics?: Metrics; readonly clock: Clock },
  ms: number,
): Promise<readonly Reading[]> {
  const none = (reason: string) => questions.map((): Reading => ({ kind: 'missing', reason }))
  if (from === undefined) return none('the file names no metrics.prometheus')
  if (metrics === undefined) return none('nothing here can ask a monitor')
  const texts = questions.map((q) => q.query)
  try {
    return await withDeadline(clock, 'the monitor', ms, (signal) =>
      metrics.read(from, texts, signal),
    )
  } catch (error) {
    return none((error as Error).message)
  }
}

/**
 * A group's part of the answers; undefined where it asks nothing. CPU is a total over the group:
 * spread over its ready instances it rises and falls with the load, not with who was scraped yet.
 */
export function fromMonitor(
  group: GroupSpec,
  status: GroupStatus,
  answers: Answers,
): FromMonitor | undefined {
  const queries = answers[group.name]
  if (queries === undefined) return undefined
  const { [CPU]: total, ...others } = queries
  if (total === undefined) return { queries }
  if (total.kind === 'missing') return { queries, cpuPercent: total }
  // It answers, and knows no CPU with these labels: they are there for queries alone.
  if (total.value === NO_CPU) return { queries: others }
  if (status.kind === 'unknown') {
    return { queries, cpuPercent: { kind: 'missing', reason: status.fault.message } }
  }
  const ready = status.instances.filter((i) => i.phase === 'ready').length
  if (ready === 0)
    return { queries, cpuPercent: { kind: 'missing', reason: 'no instance is ready' } }
  return { queries, cpuPercent: { ...total, value: total.value / ready } }
}
