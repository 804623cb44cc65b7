// From the file as it was written to the specification: defaults, absolute paths, milliseconds,
// hashes.

import { resolve } from 'node:path'
import { durationMs } from '../core/duration.ts'
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
import { address } from './fields.ts'
import { hashOf } from './hash.ts'
import {
  type File,
  type FileGroup,
  type FileHttp,
  type FileScaling,
  httpSchema,
  SCALING_DEFAULTS,
} from './schema.ts'
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
export function scalingOf(file: File, group: FileGroup): Required<FileScaling> {
  return { ...SCALING_DEFAULTS, ...given(file.scaling), ...given(group.scaling) }
}

function given(scaling: FileScaling | undefined): Partial<Required<FileScaling>> {
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
    signals: (group.signals ?? [{ cpu: scaling.thresholdPercent }]).flatMap(buildSignal),
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
  }
}

function buildScaling(scaling: Required<FileScaling>): ScalingSpec {
  return {
    minInstances: scaling.min_instances ?? SCALING_DEFAULTS.min_instances,
    maxInstances: scaling.max_instances ?? SCALING_DEFAULTS.max_instances,
    thresholdPercent: scaling.threshold ?? SCALING_DEFAULTS.threshold,
    settleMs: durationMs(scaling.settle ?? SCALING_DEFAULTS.settle),
    cooldownMs: durationMs(scaling.cooldown ?? SCALING_DEFAULTS.cooldown),
  }
}

function buildSignal(signal: NonNullable<FileGroup['signals']>[number]): SignalSpec[] {
  const kinds = ['in_flight', 'rps', 'cpu'] as const
  return kinds.flatMap((kind) => {
    const target = signal[kind]
    return target === undefined ? [] : [{ kind, target }]
  })
}

function buildResource(name: string, resource: File['resources'][string]): ResourceSpec {
  const budget = resource.connections
  if (budget === undefined) return { name }
  return { name, connections: { total: budget.total, perInstance: budget.per_instance } }
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
