// A specification back in the words of the file, and what differs between two of them.
import type {
  GroupSpec,
  HttpSpec,
  ResourceSpec,
  RunSpec,
  SignalSpec,
  Spec,
  Via,
} from '../core/model.ts'
import type { ScheduleSpec, Step } from '../core/policies/model.ts'
import { metricsOf } from './blocks/metrics.ts'
import { canonicalJson } from './hash.ts'
import { hidden, isSecret } from './secrets.ts'
import { formatDuration, formatShare, formatSize } from './units.ts'

/** One value that is not the same in two specifications, in the words of the file. */
export interface Difference {
  /** Like `groups.web.scaling.max_instances`. */
  readonly path: string
  /**
   * Values as the file spells them; `absent`, `present` for whole entries, `(hidden)` for secrets.
   */
  readonly from: string
  readonly to: string
}

/** The specification as the file would spell it, every default written out; URLs are not in it. */
export function fileOf(spec: Spec): Record<string, unknown> {
  return {
    app: spec.app,
    interval: formatDuration(spec.intervalMs),
    groups: byName(spec.groups, groupOf),
    resources: byName(spec.resources, resourceOf),
    ...(spec.metrics === undefined ? {} : { metrics: metricsOf(spec.metrics) }),
  }
}

/** What differs, in the order of the file; empty when nothing does. Secrets are not shown. */
export function diffSpecs(from: Spec, to: Spec): readonly Difference[] {
  return differences([], fileOf(from), fileOf(to))
}

type Plain = Readonly<Record<string, unknown>>

function differences(path: readonly string[], from: unknown, to: unknown): readonly Difference[] {
  if (canonicalJson(from ?? null) === canonicalJson(to ?? null)) return []
  if (isPlain(from) && isPlain(to)) {
    const keys = [...new Set([...Object.keys(from), ...Object.keys(to)])]
    return keys.flatMap((key) => differences([...path, key], from[key], to[key]))
  }
  return [{ path: path.join('.'), from: shown(path, from), to: shown(path, to) }]
}

function isPlain(value: unknown): value is Plain {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function shown(path: readonly string[], value: unknown): string {
  if (value === undefined) return 'absent'
  if (isPlain(value)) return 'present'
  if (isSecret(path, value)) return hidden
  return typeof value === 'string' ? value : JSON.stringify(value)
}

function byName<T extends { readonly name: string }>(
  entries: readonly T[],
  describe: (entry: T) => Plain,
): Plain {
  return Object.fromEntries(entries.map((entry) => [entry.name, describe(entry)]))
}

function groupOf(group: GroupSpec): Plain {
  const { slo, scaling } = group
  return {
    mode: group.mode,
    run: runOf(group.run),
    http: group.http === undefined ? 'none' : httpOf(group.http),
    slo: {
      ...(slo.p99Ms === undefined ? {} : { p99: formatDuration(slo.p99Ms) }),
      ...(slo.errorsRatio === undefined ? {} : { errors: formatShare(slo.errorsRatio) }),
      ...(slo.lateRatio === undefined ? {} : { late: formatShare(slo.lateRatio) }),
    },
    scaling: {
      min_instances: scaling.minInstances,
      max_instances: scaling.maxInstances,
      threshold: scaling.thresholdPercent,
      ...(scaling.settleMs === undefined ? {} : { settle: formatDuration(scaling.settleMs) }),
      ...(scaling.policy === undefined ? {} : { policy: scaling.policy }),
      cooldown: formatDuration(scaling.cooldownMs),
      ...(scaling.schedule === undefined ? {} : { schedule: scaling.schedule.map(scheduleOf) }),
      ...(scaling.maxInstanceHours === undefined
        ? {}
        : { max_instance_hours: scaling.maxInstanceHours }),
    },
    signals: [
      ...group.signals.map(signalOf),
      ...(group.steps ?? []).map(({ kind, steps }) => ({ [kind]: { steps: steps.map(stepOf) } })),
    ],
    ...(group.labels === undefined ? {} : { labels: group.labels }),
    needs: group.needs,
  }
}

function signalOf(signal: SignalSpec): Plain {
  if (signal.kind !== 'query') return { [signal.kind]: signal.target }
  const { name, query, target } = signal
  return { query, target, name }
}

function scheduleOf(entry: ScheduleSpec): Plain {
  const { cron, tz, durationMs, minInstances, maxInstances, except } = entry
  return {
    ...{ cron, tz, duration: formatDuration(durationMs) },
    ...(minInstances === undefined ? {} : { min_instances: minInstances }),
    ...(maxInstances === undefined ? {} : { max_instances: maxInstances }),
    except,
  }
}

function stepOf({ side, bound, by, unit }: Step): Plain {
  const amount = unit === 'percent' ? `${by}%` : by
  return side === 'above' ? { above: bound, add: amount } : { below: bound, remove: amount }
}

function runOf(run: RunSpec): Plain {
  return {
    command: run.command,
    shell: run.shell,
    cwd: run.cwd,
    ...(run.user === undefined ? {} : { user: run.user }),
    env: run.env,
    ...(run.envFile === undefined ? {} : { env_file: run.envFile }),
    start_timeout: formatDuration(run.startTimeoutMs),
    stop_timeout: formatDuration(run.stopTimeoutMs),
  }
}

function httpOf(http: HttpSpec): Plain {
  const { hostnames, tls, members } = http
  return {
    listen: addressOf(http.listen),
    via: viaOf(http.via),
    ...(hostnames === undefined ? {} : { hostnames }),
    ...(tls === undefined ? {} : { tls }),
    ...(members === undefined ? {} : { members: members.map(addressOf) }),
    ...(http.health === undefined ? {} : { health: http.health }),
    balance: http.balance,
    max_in_flight: http.maxInFlight,
    queue_timeout: formatDuration(http.queueTimeoutMs),
    max_body: formatSize(http.maxBodyBytes),
    timeout: formatDuration(http.timeoutMs),
    trust_forwarded: http.trustForwarded,
  }
}

function addressOf({ host, port }: HttpSpec['listen']): string {
  return `${host.includes(':') ? `[${host}]` : host}:${port}`
}

function viaOf(via: Via): unknown {
  if (via.kind === 'auto') return ['nginx', 'builtin']
  return via.kind === 'attach' ? { nginx: { attach: via.dir } } : via.kind
}

function resourceOf({ connections }: ResourceSpec): Plain {
  if (connections === undefined) return {}
  const { total, perInstance, reserve = 0 } = connections
  return { connections: { total, reserve, per_instance: perInstance } }
}
