// `plimsoll backtest`: recorded traffic, from a file or a Prometheus, through policies. Touches
// nothing but the report that it is asked for.
import { writeFileSync } from 'node:fs'
import { type Command, InvalidArgumentError, Option } from 'commander'
import { shareRatio } from '../../config/units.ts'
import { PlimsollError } from '../../core/errors.ts'
import { type BacktestPolicy, backtest, policyNames } from '../../lab/backtest.ts'
import { type Course, trafficCourse } from '../../lab/report/course.ts'
import { type BacktestDocument, reportPage } from '../../lab/report/page.ts'
import type { Traffic } from '../../lab/traffic/csv.ts'
import type { World } from '../../lab/world/world.ts'
import { type Output, table } from '../output.ts'
import { createProgress } from '../progress.ts'
import { type Rehearsal, type RehearsalOptions, rehearsalOf, rehearsedWorld } from '../rehearsal.ts'
import { lastSeconds, type TrafficOptions, trafficOf } from '../traffic.ts'
import { DONE, parseDuration, parseWhole, run } from '../verb.ts'

interface BacktestOptions extends RehearsalOptions, TrafficOptions {
  readonly policies?: string
  readonly report?: string
  readonly json?: boolean
}

/**
 * Adds `backtest`. Reports E_TRAFFIC_FILE, E_TRAFFIC_EMPTY, E_TRAFFIC_INVALID, E_TRAFFIC_SHORT,
 * E_SLO_IMPOSSIBLE, E_FILE_MISSING, E_FILE_INVALID, E_METRICS, E_ENV_MISSING and E_USAGE.
 */
export function addBacktest(program: Command): void {
  program
    .command('backtest')
    .description('replay recorded traffic through policies: late requests against instance-hours')
    .option('--traffic <path>', 'CSV `t_seconds,rps` or an access log, also as .gz')
    .option('--prometheus <query>', 'instead: PromQL for requests per second, as one series')
    .option('--instances <query>', 'PromQL for how many: --prometheus is then percent of them')
    .option('--last <duration>', 'with --prometheus: how much of the past (default 14d)', parseLast)
    .option('--step <duration>', 'with --prometheus: between samples', parseDuration)
    .option('--url <url>', "Prometheus's address (default: metrics.prometheus of the file)")
    .option('--policies <names>', 'separated by commas (default: all)')
    .option(
      '--file <path>',
      'a plimsoll.yaml: SLO, requests/s per instance and bounds of its group',
    )
    .option('--group <name>', 'which group of the file')
    .option(
      '--slo <duration>',
      'a request that takes longer is late (default: 300ms)',
      parseDuration,
    )
    .option('--late <share>', 'of requests that may be late (default: 0.1%)', parseLate)
    .option('--service <duration>', 'a request without waiting (default: 50ms)', parseDuration)
    .option('--capacity <rps>', 'requests/s that one instance serves (default: 50)', parseCapacity)
    .option('--boot <duration>', 'from request to ready (default: 45s)', parseDuration)
    .option(
      '--drain <duration>',
      'from leaving the rotation to the end (default: 15s)',
      parseDuration,
    )
    .addOption(new Option('--seed <n>', 'of arrivals and boots (default: 1)').argParser(parseWhole))
    .option('--report <path>', 'write a page with charts, HTML in one file')
    .option('--json', 'one JSON document on standard output')
    .action((options: BacktestOptions) => run(options, (output) => rehearse(options, output)))
}

function parseLate(text: string): string {
  const ratio = shareRatio(text)
  if (ratio > 0 && ratio < 1) return text
  throw new InvalidArgumentError('expected a share with a percent sign, such as 0.1%')
}

function parseCapacity(text: string): string {
  if (/^\d{1,7}(\.\d{1,6})?$/.test(text) && Number(text) > 0) return text
  throw new InvalidArgumentError('expected a number above 0')
}

function parseLast(text: string): string {
  if (lastSeconds(text) > 0) return text
  throw new InvalidArgumentError('expected a duration with its unit, such as 14d')
}

async function rehearse(options: BacktestOptions, output: Output): Promise<number> {
  const names = namesOf(options.policies)
  const rehearsal = rehearsalOf(options)
  const progress = createProgress(process.stderr, () => performance.now())
  const capacity = String(rehearsal.plant.capacityRps)
  const traffic = await trafficOf({ ...options, capacity }, Date.now(), (share) =>
    progress.at(share, 'read'),
  ).finally(progress.end)
  const { world, notes } = rehearsedWorld(traffic, rehearsal)
  const allNotes = [...traffic.notes, ...rehearsal.notes, ...notes]
  const about = aboutOf({ ...traffic, notes: allNotes }, rehearsal, world)
  const courses = new Map<BacktestPolicy, Course>()
  const { report } = options
  // Before the long run, so that a mistake in the path does not cost it.
  if (report !== undefined) writeReport(report, '')
  const result = backtest(world, names, {
    latePercent: about.slo.violation_percent,
    progress: progress.at,
    ...(report === undefined ? {} : { onCourse: (row, course) => courses.set(row, course) }),
  })
  progress.end()
  const { trace, slo, ...plant } = about
  const document: BacktestDocument = { trace, slo, ...result, ...plant }
  if (report !== undefined) {
    const of = (row: BacktestPolicy) => courses.get(row)
    writeReport(report, reportPage(document, { traffic: trafficCourse(world), of }))
  }
  output.document(document)
  for (const note of allNotes) output.say(`note: ${note}`)
  output.say(summary(document))
  if (report !== undefined) output.say(`wrote ${report}`)
  return DONE
}

function writeReport(path: string, text: string): void {
  try {
    writeFileSync(path, text)
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    throw new PlimsollError('E_USAGE', `the report can't be written: ${why}`, { cause: error })
  }
}

function namesOf(given: string | undefined): readonly string[] {
  const known = policyNames()
  if (given === undefined) return known
  const names = given.split(',').map((name) => name.trim())
  const unknown = names.find((name) => !known.includes(name))
  if (unknown === undefined) return names
  throw new PlimsollError(
    'E_USAGE',
    `there is no policy ${JSON.stringify(unknown)}; there are ${known.join(', ')}`,
  )
}

function aboutOf(
  { trace, notes }: Traffic,
  { sloMs, lateRatio }: Rehearsal,
  world: World,
): Pick<BacktestDocument, 'trace' | 'slo' | 'plant'> {
  const { arrivals } = world
  const requests = arrivals.reduce((sum, value) => sum + value, 0)
  const peak_rps = trace.rps.reduce((most, value) => Math.max(most, value), 0)
  const seconds = arrivals.length
  const { name, stepS: step_s } = trace
  return {
    trace: { name, seconds, step_s, mean_rps: requests / seconds, peak_rps, notes },
    slo: { latency_ms: sloMs, violation_percent: Number((lateRatio * 100).toPrecision(9)) },
    plant: {
      capacity_rps: world.capacityRps,
      service_ms: Math.round(world.serviceS * 1_000),
      boot_s: world.bootS,
      drain_s: world.drainS,
      min_instances: world.minInstances,
      max_instances: world.maxInstances,
      seed: world.seed,
    },
  }
}

function summary(result: BacktestDocument): string {
  const sorted = result.policies.toSorted((a, b) => a.cost - b.cost)
  const head = ['policy', 'variant', 'late', 'instance-hours', 'cost', 'starts', 'longest']
  const { at_equal_slo: equal } = result
  const verdict =
    equal.ratio === null
      ? `at ${equal.violation_percent} % late requests there is nothing to compare`
      : `at ${equal.violation_percent} % late requests Plimsoll takes ${figure(equal.ratio)} of the hours of ${equal.best_rival}`
  return [
    table([head, ...sorted.map(cellsOf)]),
    `oracle ${figure(result.oracle_instance_hours)} h, bound ${figure(result.bound_instance_hours)} h`,
    verdict,
  ].join('\n')
}

function cellsOf(policy: BacktestPolicy): readonly string[] {
  return [
    policy.name,
    policy.variant,
    `${figure(policy.slo_violation_percent)} %`,
    figure(policy.instance_hours),
    figure(policy.cost),
    String(policy.starts),
    `${policy.longest_violation_s} s`,
  ]
}

function figure(value: number): string {
  return String(Number(value.toPrecision(3)))
}
