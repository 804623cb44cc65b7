// Where a backtest's traffic is from: a file, or a Prometheus.
import { readMonitorRange } from '../compose.ts'
import { type ErrorCode, PlimsollError } from '../core/errors.ts'
import type { Fault, MetricsSpec } from '../core/model.ts'
import { durationMs } from '../core/words/duration.ts'
import type { Traffic } from '../lab/traffic/csv.ts'
import { readTraffic } from '../lab/traffic/read.ts'
import { demandOf, trafficOfSamples } from '../lab/traffic/samples.ts'
import { findFile, loadConfig } from './place.ts'

/** The options that name traffic: `traffic`, or `prometheus` with what goes with it. */
export interface TrafficOptions {
  readonly traffic?: string
  readonly prometheus?: string
  /** How many instances there were; `prometheus` is then their mean utilisation in percent. */
  readonly instances?: string
  /** Requests per second that one instance serves, for recorded utilisation. */
  readonly capacity?: string
  readonly last?: string
  readonly step?: string
  readonly url?: string
  readonly file?: string
}

const LAST = '14d'
/** As many points as a fortnight of minutes has, and some more. */
const MOST_POINTS = 25_000
/** Steps that are taken by themselves, in seconds, the finest first. */
const STEPS_S = [1, 5, 15, 60, 300, 900] as const

/**
 * Reads the traffic. Throws E_USAGE, E_METRICS, E_ENV_MISSING, E_TRAFFIC_* and what is wrong with
 * the file.
 */
export async function trafficOf(
  options: TrafficOptions,
  nowMs: number,
  progress: (share: number) => void,
): Promise<Traffic> {
  const { traffic, prometheus } = options
  if ((traffic === undefined) === (prometheus === undefined)) {
    throw new PlimsollError('E_USAGE', 'either --traffic FILE or --prometheus QUERY is needed')
  }
  const odd = (['last', 'step', 'url', 'instances'] as const).find(
    (key) => options[key] !== undefined,
  )
  if (traffic !== undefined && odd !== undefined) {
    throw new PlimsollError('E_USAGE', `--${odd} goes with --prometheus`)
  }
  if (prometheus === undefined) {
    return sound(readTraffic(traffic ?? '', Number(options.capacity)))
  }
  const range = { ...rangeOf(options, nowMs), name: 'prometheus' }
  const monitor = monitorOf(options)
  const read = async (query: string) =>
    sound(await readMonitorRange(monitor, { ...range, query }, progress))
  const samples = await read(prometheus)
  if (options.instances === undefined) return sound(trafficOfSamples(samples, range))
  const capacity = Number(options.capacity)
  const demand = demandOf(samples, await read(options.instances), capacity)
  const { trace, notes } = sound(trafficOfSamples(demand.samples, range))
  return { trace, notes: [...demand.notes, ...notes] }
}

function sound<T extends object>(result: T | Fault): T {
  if (!('code' in result)) return result
  throw new PlimsollError(result.code as ErrorCode, result.message)
}

/** Seconds of a duration that may be in days, like 14d; NaN where it is none. */
export function lastSeconds(text: string): number {
  const days = /^(\d{1,4})d$/.exec(text)?.[1]
  return days === undefined ? durationMs(text) / 1_000 : Number(days) * 86_400
}

function rangeOf({ last = LAST, step }: TrafficOptions, nowMs: number) {
  const lastS = lastSeconds(last)
  const coarsest = STEPS_S[STEPS_S.length - 1] ?? 900
  const fitting = STEPS_S.find((s) => lastS / s <= MOST_POINTS) ?? coarsest
  const stepS = step === undefined ? fitting : durationMs(step) / 1_000
  if (!(lastS >= 2 * stepS && stepS >= 1)) {
    throw new PlimsollError('E_USAGE', '--step is from 1s on, and --last holds several of them')
  }
  if (lastS / stepS > 1e6) {
    throw new PlimsollError('E_USAGE', `--step ${step} makes more than a million points of ${last}`)
  }
  // Whole steps, so that the same range asked for again has the same samples.
  const endS = Math.floor(nowMs / 1_000 / stepS) * stepS
  return { startS: endS - Math.floor(lastS / stepS) * stepS, endS, stepS }
}

function monitorOf(options: TrafficOptions): MetricsSpec {
  const { url } = options
  if (url !== undefined) {
    if (!/^https?:\/\//.test(url) || !URL.canParse(url)) {
      throw new PlimsollError('E_USAGE', '--url is an http or https address')
    }
    return { prometheus: url, headers: {}, verify: true, maxAgeMs: 0 }
  }
  const metrics = findFile(options) && loadConfig(options).config.spec.metrics
  if (metrics) return metrics
  const message = '--prometheus needs --url, or a file with metrics.prometheus'
  throw new PlimsollError('E_USAGE', message)
}
