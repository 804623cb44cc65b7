// From the file as it was written to the specification: defaults, absolute paths, milliseconds,
// hashes.

import { resolve } from 'node:path'
import type {
  GroupSpec,
  HttpSpec,
  ResourceSpec,
  RunSpec,
  ScalingSpec,
  SignalSpec,
  SloSpec,
  Spec,
  Via,
} from '../core/model.ts'
import type { ScheduleSpec, Step, StepSignal } from '../core/policies/model.ts'
import { durationMs } from '../core/words/duration.ts'
import { buildMetrics } from './blocks/metrics.ts'
import { cronFields } from './cron.ts'
import { address } from './fields.ts'
import { hashOf } from './hash.ts'
import { SCALING_DEFAULTS } from './scaling-schema.ts'
import { type File, type FileGroup, type FileHttp, type FileScaling, httpSchema } from './schema.ts'
import { shareRatio, sizeBytes } from './units.ts'

/** Makes the specification of a file that broke no rule. `dir` is the file's folder. */
export function buildSpec(file: File, dir: string): Spec {
  const names = Object.keys(file.groups)
  const around = { file, dir, of: names.length, via: viaOf(file, names.length) }
  const groups = names.flatMap((name) => {
    const group = file.groups[name]
    return group === undefined ? [] : [buildGroup(name, group, around)]
  })
  const content = {
    app: file.app ?? appNameOf(dir),
    intervalMs: durationMs(file.interval),
    groups,
    resources: Object.entries(file.resources).map(([name, resource]) =>
      buildResource(name, resource),
    ),
    ...(file.metrics === undefined ? {} : { metrics: buildMetrics(file.metrics, dir) }),
  }
  return { ...content, hash: hashOf(content) }
}

/**
 * The `http` block that holds for a group: the only group of a file has one by default, one of
 * several has none unless it says so. Undefined for workers. `of` is the number of groups in the
 * file.
 */
export function httpOf(group: FileGroup, of: number): FileHttp | undefined {
  if (typeof group.http === 'object') return group.http
  return group.http === undefined && of === 1 ? HTTP_DEFAULTS : undefined
}

const HTTP_DEFAULTS: FileHttp = httpSchema.parse({})

/** The scaling that holds for a group: its own, else the file's, else the defaults. */
export function scalingOf(file: File, group: FileGroup): FileScaling {
  return { ...SCALING_DEFAULTS, ...given(file.scaling), ...given(group.scaling) }
}

function given(scaling: FileScaling | undefined): FileScaling {
  const entries = Object.entries(scaling ?? {}).filter(([, value]) => value !== undefined)
  return Object.fromEntries(entries)
}

interface Around {
  readonly file: File
  readonly dir: string
  readonly of: number
  readonly via: Via
}

// They share one balancer: those that say nothing go along with the one that does.
function viaOf(file: File, of: number): Via {
  const all = Object.values(file.groups).map((group) => httpOf(group, of)?.via)
  const said = all.find((via) => via !== undefined)
  if (said === undefined || Array.isArray(said)) return { kind: 'auto' }
  return typeof said === 'string' ? { kind: said } : { kind: 'attach', dir: said.nginx.attach }
}

function buildGroup(name: string, group: FileGroup, around: Around): GroupSpec {
  const scaling = buildScaling(scalingOf(around.file, group))
  const http = httpOf(group, around.of)
  return {
    name,
    mode: group.mode,
    run: buildRun(group.run, around.dir),
    ...(http === undefined ? {} : { http: buildHttp(http, around) }),
    slo: buildSlo(group.slo),
    scaling,
    signals: buildSignals(group.signals ?? [{ cpu: scaling.thresholdPercent }]),
    ...buildSteps(group),
    ...(group.labels === undefined ? {} : { labels: group.labels }),
    needs: group.needs,
  }
}

function buildRun(run: FileGroup['run'], dir: string): RunSpec {
  const content = {
    command: typeof run.command === 'string' ? [run.command] : run.command,
    shell: run.shell,
    cwd: resolve(dir, run.cwd),
    ...(run.user === undefined ? {} : { user: run.user }),
    env: run.env,
    ...(run.env_file === undefined ? {} : { envFile: resolve(dir, run.env_file) }),
    startTimeoutMs: durationMs(run.start_timeout),
    stopTimeoutMs: durationMs(run.stop_timeout),
  }
  return { ...content, hash: hashOf(content) }
}

function buildHttp(http: FileHttp, { dir, via }: Around): HttpSpec {
  const { hostnames, tls, members } = http
  const files = tls && { certificate: resolve(dir, tls.certificate), key: resolve(dir, tls.key) }
  return {
    listen: address(http.listen),
    via,
    ...(hostnames === undefined ? {} : { hostnames: hostnames.map((n) => n.toLowerCase()) }),
    ...(files === undefined ? {} : { tls: files }),
    ...(members === undefined ? {} : { members: members.map(address) }),
    ...(http.health === undefined ? {} : { health: http.health }),
    balance: http.balance,
    maxInFlight: http.max_in_flight,
    queueTimeoutMs: durationMs(http.queue_timeout),
    maxBodyBytes: sizeBytes(http.max_body),
    timeoutMs: durationMs(http.timeout),
    trustForwarded: http.trust_forwarded,
  }
}

function buildSlo(slo: FileGroup['slo']): SloSpec {
  return {
    ...(slo.p99 === undefined ? {} : { p99Ms: durationMs(slo.p99) }),
    ...(slo.errors === undefined ? {} : { errorsRatio: shareRatio(slo.errors) }),
    ...(slo.late === undefined ? {} : { lateRatio: shareRatio(slo.late) }),
  }
}

function buildScaling(scaling: FileScaling): ScalingSpec {
  const { schedule, max_instance_hours: maxInstanceHours } = scaling
  return {
    minInstances: scaling.min_instances ?? SCALING_DEFAULTS.min_instances,
    maxInstances: scaling.max_instances ?? SCALING_DEFAULTS.max_instances,
    thresholdPercent: scaling.threshold ?? SCALING_DEFAULTS.threshold,
    cooldownMs: durationMs(scaling.cooldown ?? SCALING_DEFAULTS.cooldown),
    ...(scaling.settle === undefined ? {} : { settleMs: durationMs(scaling.settle) }),
    ...(scaling.policy === undefined ? {} : { policy: scaling.policy }),
    ...(schedule === undefined ? {} : { schedule: schedule.flatMap(buildSchedule) }),
    ...(maxInstanceHours === undefined ? {} : { maxInstanceHours }),
  }
}

function buildSchedule(entry: NonNullable<FileScaling['schedule']>[number]): ScheduleSpec[] {
  const { cron, tz, except, min_instances: minInstances, max_instances: maxInstances } = entry
  const starts = cronFields(cron)
  if (starts === undefined) return []
  return [
    {
      ...{ cron, starts, tz, durationMs: durationMs(entry.duration), except },
      ...(minInstances === undefined ? {} : { minInstances }),
      ...(maxInstances === undefined ? {} : { maxInstances }),
    },
  ]
}

const SIGNAL_KINDS = ['in_flight', 'rps', 'cpu'] as const
type FileSignal = NonNullable<FileGroup['signals']>[number]

function buildSignals(signals: readonly FileSignal[]): readonly SignalSpec[] {
  const names = signalNames(signals)
  return signals.flatMap((signal, index): readonly SignalSpec[] => {
    const { query, target } = signal
    const name = names[index]
    if (query !== undefined && target !== undefined && name !== undefined) {
      return [{ kind: 'query', name, query, target }]
    }
    return SIGNAL_KINDS.flatMap((kind) => {
      const per = signal[kind]
      return typeof per === 'number' ? [{ kind, target: per }] : []
    })
  })
}

/** The names of queries, given or `query`, `query-2`, by their place; others have none. */
export function signalNames(signals: readonly FileSignal[]): readonly (string | undefined)[] {
  let unnamed = 0
  return signals.map(({ query, name }) => {
    if (query === undefined || name !== undefined) return query === undefined ? undefined : name
    unnamed += 1
    return unnamed === 1 ? 'query' : `query-${unnamed}`
  })
}

function buildSteps({ signals = [] }: FileGroup): { readonly steps?: readonly StepSignal[] } {
  const steps = signals.flatMap((signal) =>
    SIGNAL_KINDS.flatMap((kind) => {
      const given = signal[kind]
      return typeof given === 'object' ? [{ kind, steps: given.steps.flatMap(buildStep) }] : []
    }),
  )
  return steps.length === 0 ? {} : { steps }
}

type FileStep = Extract<FileSignal['cpu'], object>['steps'][number]

function buildStep({ above, below, add, remove }: FileStep): Step[] {
  if (above !== undefined && add !== undefined)
    return [{ side: 'above', bound: above, ...buildAmount(add) }]
  if (below !== undefined && remove !== undefined)
    return [{ side: 'below', bound: below, ...buildAmount(remove) }]
  return []
}

function buildAmount(amount: number | string): Pick<Step, 'by' | 'unit'> {
  if (typeof amount === 'number') return { by: amount, unit: 'instances' }
  return { by: Number.parseInt(amount, 10), unit: 'percent' }
}

function buildResource(name: string, resource: File['resources'][string]): ResourceSpec {
  const budget = resource.connections
  if (budget === undefined) return { name }
  const { total, reserve, per_instance: perInstance } = budget
  return { name, connections: { total, perInstance, ...(reserve > 0 ? { reserve } : {}) } }
}

/** The folder's name, made to fit; `app` when nothing of it is left. */
function appNameOf(dir: string): string {
  const last = resolve(dir).split(/[\\/]/).at(-1) ?? ''
  const fitting = last
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^[^a-z]+|-+$/g, '')
    .slice(0, 41)
    .replace(/-+$/, '')
  return fitting === '' ? 'app' : fitting
}
