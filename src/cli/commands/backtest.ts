// `plimsoll backtest`: recorded traffic, from a file or a Prometheus, through policies. Touches
// nothing.
import { type Command, InvalidArgumentError, Option } from 'commander'
import { PlimsollError } from '../../core/errors.ts'
import { durationMs } from '../../core/words/duration.ts'
import {
  type BacktestPolicy,
  type BacktestResult,
  backtest,
  policyNames,
} from '../../lab/backtest.ts'
import type { Traffic } from '../../lab/traffic/csv.ts'
import { arrivalsOf, secondsOf } from '../../lab/world/arrivals.ts'
import { PLANT, type World, worldOf } from '../../lab/world/world.ts'
import { type Output, table } from '../output.ts'
import { lastSeconds, type TrafficOptions, trafficOf } from '../traffic.ts'
import { DONE, parseDuration, parseWhole, run } from '../verb.ts'

interface BacktestOptions extends TrafficOptions {
  readonly policies?: string
  readonly slo: string
  readonly service: string
  readonly capacity: string
  readonly boot: string
  readonly drain: string
  readonly seed: string
  readonly json?: boolean
}

/** A note on standard error at most this often. */
const PROGRESS_MS = 2_000

/**
 * Adds `backtest`. Reports E_TRAFFIC_FILE, E_TRAFFIC_EMPTY, E_TRAFFIC_INVALID, E_TRAFFIC_SHORT,
 * E_SLO_IMPOSSIBLE, E_METRICS, E_ENV_MISSING and E_USAGE.
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
    .option('--file <path>', 'the file that names it (default: plimsoll.yaml here)')
    .option('--policies <names>', 'separated by commas (default: all)')
    .option('--slo <duration>', 'a request that takes longer is late', parseDuration, '300ms')
    .option('--service <duration>', 'what a request takes without waiting', parseDuration, '50ms')
    .option('--capacity <rps>', 'requests per second that one instance serves', parseWhole, '50')
    .option('--boot <duration>', 'from request to ready', parseDuration, '45s')
    .option('--drain <duration>', 'from leaving the rotation to the end', parseDuration, '15s')
    .addOption(new Option('--seed <n>', 'of arrivals and boots').argParser(parseWhole).default('1'))
    .option('--json', 'one JSON document on standard output')
    .action((options: BacktestOptions) => run(options, (output) => rehearse(options, output)))
}

function parseLast(text: string): string {
  if (lastSeconds(text) > 0) return text
  throw new InvalidArgumentError('expected a duration with its unit, such as 14d')
}

async function rehearse(options: BacktestOptions, output: Output): Promise<number> {
  const names = namesOf(options.policies)
  let notedMs = performance.now()
  const progress = (what: string) => (share: number) => {
    if (performance.now() - notedMs < PROGRESS_MS) return
    notedMs = performance.now()
    output.note(`${Math.round(share * 100)} % ${what}`)
  }
  const traffic = await trafficOf(options, Date.now(), progress('read'))
  const world = worldOfOptions(traffic, options)
  const result = backtest(world, names, progress('done'))
  const trace = traceOf(traffic, world)
  const slo = { latency_ms: durationMs(options.slo), violation_percent: 0.1 }
  output.document({ trace, slo, ...result })
  for (const note of traffic.notes) output.say(`note: ${note}`)
  output.say(report(result))
  return DONE
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

function worldOfOptions(traffic: Traffic, options: BacktestOptions): World {
  const [slo, service] = [durationMs(options.slo), durationMs(options.service)]
  if (slo <= service) {
    const message = `one request alone takes ${service} ms, and the SLO is ${slo} ms`
    throw new PlimsollError('E_SLO_IMPOSSIBLE', message)
  }
  const capacityRps = Number(options.capacity)
  if (capacityRps === 0) throw new PlimsollError('E_USAGE', '--capacity is above 0')
  const bootS = durationMs(options.boot) / 1_000
  const seconds = secondsOf(traffic.trace)
  if (seconds <= bootS) {
    const message = `the traffic lasts ${seconds} s, and a boot takes ${bootS} s`
    throw new PlimsollError('E_TRAFFIC_SHORT', message)
  }
  const seed = Number(options.seed)
  const layout = { multiplier: 1, mostS: Number.POSITIVE_INFINITY, seed }
  return worldOf(arrivalsOf(traffic.trace, layout), {
    ...PLANT,
    capacityRps,
    serviceS: service / 1_000,
    maxWaitS: (slo - service) / 1_000,
    bootS,
    drainS: Math.round(durationMs(options.drain) / 1_000),
    seed,
  })
}

function traceOf({ trace, notes }: Traffic, { arrivals }: World) {
  const requests = arrivals.reduce((sum, value) => sum + value, 0)
  const peak_rps = trace.rps.reduce((most, value) => Math.max(most, value), 0)
  const seconds = arrivals.length
  const { name, stepS: step_s } = trace
  return { name, seconds, step_s, mean_rps: requests / seconds, peak_rps, notes }
}

function report(result: BacktestResult): string {
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
