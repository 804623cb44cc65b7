// What a demo run comes to: the document of --json, the verdict and the table. Pure.
import type { TickView } from '../../engine/service.ts'
import type { LoadResult } from '../../lab/load/open.ts'
import { summarize } from '../../lab/load/summary.ts'
import { table } from '../output.ts'
import { type Scenario, SLO_P99_MS } from './scenario.ts'

/**
 * One change of a number of instances, or one that a connection budget held back (`from` is then
 * `to`); `at` is an ISO 8601 time.
 */
export interface DecisionLine {
  readonly at: string
  readonly group: string
  readonly from: number
  readonly to: number
  readonly reason: string
}

/** The JSON document of a run. Times in it are named by unit; counts are of requests. */
export interface DemoReport {
  readonly requests: number
  readonly failed: number
  readonly late: number
  readonly failed_by_application: number
  readonly balancer: string
  readonly instances: { readonly start: number; readonly max: number; readonly end: number }
  readonly p99_ms: ReturnType<typeof summarize>['p99_ms']
  readonly slo: { readonly latency_p99_ms: number; readonly recovered_s: number | null }
  readonly decisions: readonly DecisionLine[]
}

/** Instances ready when the load began and at most, and those there were when it ended. */
export interface Counted {
  readonly start: number
  readonly max: number
  readonly end: number
}

/** The document of a run. */
export function report(
  scenario: Scenario,
  load: LoadResult,
  ticks: readonly TickView[],
  { instances, balancer }: { readonly instances: Counted; readonly balancer: string },
): DemoReport {
  const summary = summarize(load.seconds, scenario.spike, SLO_P99_MS)
  return {
    requests: load.requests,
    failed: load.failed,
    late: load.late,
    failed_by_application: load.failedByApplication,
    balancer,
    instances,
    p99_ms: summary.p99_ms,
    slo: { latency_p99_ms: SLO_P99_MS, recovered_s: summary.recovered_s },
    decisions: decisionsOf(ticks),
  }
}

/**
 * What was decided, oldest first. A decision that is only repeated (as in observe) is told once,
 * and one that the connection budget left as it was is told too: a first step that wants just what
 * the budget allows does not name it, and the next one is held.
 */
export function decisionsOf(ticks: readonly TickView[]): readonly DecisionLine[] {
  const lines = ticks.flatMap(({ tick }) => {
    const at = new Date(tick.observation.atMs).toISOString()
    return tick.decisions
      .filter((d) => d.from !== d.to || d.adjustments.some((a) => a.guard === 'budget'))
      .map(({ group, from, to, reason }) => ({ at, group, from, to, reason }))
  })
  return lines.filter((line, i) => {
    const before = lines[i - 1]
    return before === undefined || before.from !== line.from || before.to !== line.to
  })
}

/** Whether the run did what it promises; with slow boots requests may be late. */
export function hasPassed(result: DemoReport, bootMs: number): boolean {
  const late = bootMs > 0 ? 0 : result.late
  return result.failed === 0 && late === 0 && result.slo.recovered_s !== null
}

/** The table at the end. */
export function reportTable(result: DemoReport): string {
  const { p99_ms: p99, slo, instances } = result
  return table([
    ['requests', `${result.requests}`],
    ['failed', `${result.failed}`],
    ['late (over 5 s, or shed)', `${result.late}`],
    ['broken by the application itself', `${result.failed_by_application}`],
    ['instances', `${instances.start} → ${instances.max} → ${instances.end}`],
    ['p99 calm', ms(p99.calm)],
    ['p99 worst second of the spike', ms(p99.spike_worst)],
    ['p99 end of the spike', ms(p99.spike_settled)],
    ['p99 after', ms(p99.after)],
    [`back inside the SLO (p99 ${slo.latency_p99_ms} ms)`, recovered(slo.recovered_s)],
  ])
}

function ms(value: number | null): string {
  return value === null ? '-' : `${value} ms`
}

function recovered(seconds: number | null): string {
  return seconds === null ? 'never' : `${seconds} s after the spike began`
}
