// The nouns of Plimsoll: readonly, JSON-serialisable, without methods. Knows nothing of how they
// come about.
import type { GuardMemory } from './guards/model.ts'
import type { HealthMemory, TargetStatus } from './health/model.ts'
import type { HttpSpec } from './http.ts'
import type { PolicyMemory, QueueSignal, ScalingSpec, StepSignal } from './policies/model.ts'
import type { SignalSpec } from './policies/signals.ts'
import type { MetricsSpec } from './promql/model.ts'

export type { TargetStatus } from './health/model.ts'
export type { BalanceMethod, BalancerKind, HttpSpec, TlsSpec, Via } from './http.ts'
export type { ScalingSpec } from './policies/model.ts'
export type { MeasuredSignal, QuerySignal, SignalKind, SignalSpec } from './policies/signals.ts'
export type { MetricsSpec } from './promql/model.ts'

/** Milliseconds since the Unix epoch. */
export type EpochMs = number

/**
 * What the user declared, parsed once. Holds references to secrets (`$NAME`), never their values.
 */
export interface Spec {
  readonly app: string
  /** Hash of the whole specification; a tick names it. */
  readonly hash: string
  /** Time between two turns of the loop, in milliseconds. */
  readonly intervalMs: number
  readonly groups: readonly GroupSpec[]
  readonly resources: readonly ResourceSpec[]
  /** Where readings come from that nobody here measures. */
  readonly metrics?: MetricsSpec
}

/** `observe`: decide and explain, change no number of instances. `enforce`: act on decisions. */
export type Mode = 'observe' | 'enforce'

/** A set of interchangeable instances that scale together. */
export interface GroupSpec {
  readonly name: string
  readonly mode: Mode
  readonly run: RunSpec
  /** Absent for groups that serve no HTTP (workers). */
  readonly http?: HttpSpec
  readonly slo: SloSpec
  readonly scaling: ScalingSpec
  readonly signals: readonly SignalSpec[]
  /** Signals whose bounds change the number step by step; absent: none. */
  readonly steps?: readonly StepSignal[]
  /** Queues that the group drains; absent: none. */
  readonly queues?: readonly QueueSignal[]
  /** What its series carry in the monitor; fills `$labels` in queries. */
  readonly labels?: Readonly<Record<string, string>>
  /** Names of resources whose budgets bound this group. */
  readonly needs: readonly string[]
}

/** How one instance is started and stopped. */
export interface RunSpec {
  /**
   * Argument list; `{port}` and `{socket}` are replaced. With `shell: true` exactly one string for
   * `/bin/sh -c`.
   */
  readonly command: readonly string[]
  readonly shell: boolean
  /** Absolute path. */
  readonly cwd: string
  readonly user?: string
  /** Values may be `$NAME`, read from the environment when an instance starts. */
  readonly env: Readonly<Record<string, string>>
  /** Absolute path of a file with `NAME=value` lines. */
  readonly envFile?: string
  /** How long an instance may take to become ready, in milliseconds. */
  readonly startTimeoutMs: number
  /** How long a drain, and then a stop, may take, in milliseconds. */
  readonly stopTimeoutMs: number
  /** Hash of everything above; an instance started from another one is rolled. */
  readonly hash: string
}

/** The service level objective; absent parts are not watched. */
export interface SloSpec {
  readonly p99Ms?: number
  /** Share of requests that may fail, 0 to 1. */
  readonly errorsRatio?: number
  /** Share of demand that may come too late, 0 to 1; absent: 0.001. */
  readonly lateRatio?: number
}

/** Something groups share and can exhaust. */
export interface ResourceSpec {
  readonly name: string
  /** `reserve` of the total are kept for others than the groups here; absent: none. */
  readonly connections?: {
    readonly total: number
    readonly perInstance: number
    readonly reserve?: number
  }
}

/** A number with its time, or why there is none. Missing is not zero. */
export type Reading =
  | { readonly kind: 'value'; readonly value: number; readonly atMs: EpochMs }
  | { readonly kind: 'missing'; readonly reason: string }

/**
 * Where an instance is in its life:
 * `starting → ready → draining → stopping → exited`; any phase may jump to `exited`.
 */
export type Phase = 'starting' | 'ready' | 'draining' | 'stopping' | 'exited'

/** How an instance ended: with a code, or by a signal; neither where nobody saw it end. */
export interface Exit {
  readonly code?: number
  readonly signal?: string
  readonly atMs: EpochMs
  /** Whether it had been ready before. */
  readonly wasReady: boolean
  /** Whether a stop or kill had been asked for. */
  readonly expected: boolean
  /** The last lines of its log. */
  readonly lastLines: readonly string[]
}

/** One running copy of the application. */
export interface Instance {
  readonly id: string
  readonly group: string
  readonly phase: Phase
  /** Which code and settings it was started from. */
  readonly generation: string
  readonly host: string
  readonly port: number
  /** Absolute path of the Unix socket that it listens on, where it does. */
  readonly socket?: string
  readonly pid?: number
  readonly startedAtMs: EpochMs
  /** When it entered its phase. */
  readonly phaseAtMs: EpochMs
  /** Why it is not ready yet, or what is wrong. */
  readonly detail?: string
  /** While it is starting: the last lines of its log so far. */
  readonly lastLines?: readonly string[]
  readonly exit?: Exit
  /** Percent of one core over the last turns. */
  readonly cpuPercent: Reading
  readonly memoryBytes: Reading
}

/** The instances that exist, or why nobody can say: unknown is not none. */
export type GroupStatus =
  | { readonly kind: 'known'; readonly instances: readonly Instance[] }
  | { readonly kind: 'unknown'; readonly fault: Fault }

/** What the balancer carries for a group; readings are over the last turns. */
export interface GroupReadings {
  /** Requests being served or waiting, averaged over about one second. */
  readonly inFlight: Reading
  /** Requests arriving per second. */
  readonly rps: Reading
  readonly p99Ms: Reading
  /** Share of responses that were 5xx, 0 to 1. */
  readonly errorsRatio: Reading
  /** Share of responses that were 502 or 504 by the balancer, 0 to 1. */
  readonly badGatewayRatio?: Reading
  /** Share of responses that were 503 by the balancer, for want of room, 0 to 1. */
  readonly shedRatio?: Reading
  /** Responses that these shares are of. */
  readonly responses?: Reading
  /** Mean CPU of the ready instances, percent of one core. */
  readonly cpuPercent: Reading
  /**
   * Totals over the group that the monitor answered, by the name of the signal; under `cpu` percent
   * of one core where CPU is the monitor's. Times are those of the oldest sample that counts.
   */
  readonly queries?: Readonly<Record<string, Reading>>
  /** By the queue's name. */
  readonly queues?: Readonly<Record<string, QueueReadings>>
}

/** A queue that a group works on. */
export interface QueueReadings {
  /** Messages that wait or are being worked on. */
  readonly depth: Reading
  readonly arrivalsPerS: Reading
  /** Messages that all instances together finish. */
  readonly servedPerS: Reading
  /** How long the oldest message has waited, in seconds. */
  readonly oldestAgeS?: Reading
  /** Most instances that can work on it at once. */
  readonly partitions?: Reading
}

/** One group at one instant, as its provider and the balancer see it. */
export interface GroupObservation {
  readonly group: string
  readonly status: GroupStatus
  readonly readings: GroupReadings
  /** Absent where the group has no balancer; `down` when it does not answer. */
  readonly balancer?:
    | { readonly kind: 'up'; readonly targets: readonly TargetStatus[] }
    | { readonly kind: 'down'; readonly reason: string }
}

/** Everything seen at one instant. */
export interface Observation {
  readonly atMs: EpochMs
  readonly groups: readonly GroupObservation[]
  /**
   * CPU of the machine that runs the instances, 0 to 100 percent of all cores, over about ten
   * seconds.
   */
  readonly hostCpuPercent: Reading
  /** Cores of that machine. */
  readonly hostCores: number
  /** Whether ticks can be kept; scale-in stops while they can't. */
  readonly storeWritable: boolean
  /** How full the resources are that can be asked, 0 to 1. */
  readonly resources?: readonly { readonly name: string; readonly saturation: Reading }[]
  /** What people and programs asked for since the last turn. */
  readonly commands: readonly Command[]
}

/** A wish that has been checked and waits for a turn; `by` says whose it is. */
export type Command =
  | {
      readonly kind: 'scale'
      readonly id: string
      readonly group: string
      readonly instances: number
      readonly untilMs: EpochMs
      readonly by: string
    }
  | {
      readonly kind: 'hold'
      readonly id: string
      readonly group: string
      readonly untilMs: EpochMs
      readonly by: string
    }
  | { readonly kind: 'restart'; readonly id: string; readonly group: string; readonly by: string }
  | { readonly kind: 'shutdown'; readonly id: string; readonly by: string }

/** What one policy would like. */
export type Recommendation =
  | {
      readonly kind: 'want'
      readonly policy: string
      readonly instances: number
      readonly reason: string
      /** When the oldest reading it stands on was taken; absent: in this turn. */
      readonly atMs?: EpochMs
    }
  | {
      readonly kind: 'abstain'
      readonly policy: string
      readonly reason: string
      readonly blind: boolean
    }

/** What one guard changed. */
export interface Adjustment {
  readonly guard: string
  readonly from: number
  readonly to: number
  readonly reason: string
}

/** How many instances a group should have, and the whole way to that number. */
export interface Decision {
  readonly group: string
  readonly mode: Mode
  readonly from: number
  readonly to: number
  /** The binding reason in one sentence. */
  readonly reason: string
  readonly recommendations: readonly Recommendation[]
  readonly adjustments: readonly Adjustment[]
  /** What it would have been without the guard that bound it, else without the policy that won. */
  readonly counterfactual?: Counterfactual
}

/** What a decision would have been without one guard or policy. */
export interface Counterfactual {
  readonly part: 'guard' | 'policy'
  readonly without: string
  readonly to: number
}

/** One thing to do. `instance` is unique for ever within an application's state folder. */
export type Action =
  | { readonly kind: 'start-balancer'; readonly reason: string }
  | {
      readonly kind: 'start'
      readonly group: string
      readonly instance: string
      readonly generation: string
      readonly reason: string
    }
  | {
      readonly kind: InstanceVerb
      readonly group: string
      readonly instance: string
      readonly reason: string
    }
/**
 * admit: into rotation; drain: out of it; stop: SIGTERM; kill: SIGKILL; forget: drop the record of
 * an exited one.
 */
export type InstanceVerb = 'admit' | 'drain' | 'stop' | 'kill' | 'forget'

/** What a turn is going to do, in this order. */
export interface Plan {
  readonly actions: readonly Action[]
}

/** An expected failure as a value; `code` is from the catalogue in errors.ts. */
export interface Fault {
  readonly code: string
  readonly message: string
  readonly retryable: boolean
}

/** What became of one action of a plan. */
export type Outcome =
  | { readonly kind: 'applied'; readonly action: Action }
  | { readonly kind: 'skipped'; readonly action: Action; readonly reason: string }
  | { readonly kind: 'failed'; readonly action: Action; readonly fault: Fault }

/** One turn of the loop. `outcomes` is absent while the plan is stored but not yet carried out. */
export interface Tick {
  readonly id: number
  readonly specHash: string
  readonly coreVersion: string
  /** The first tick of a controller: it decided on what was recovered of the ticks before. */
  readonly begins?: true
  readonly observation: Observation
  readonly decisions: readonly Decision[]
  readonly plan: Plan
  readonly outcomes?: readonly Outcome[]
}

/** What the next turn needs to know of the earlier ones. */
export interface Memory {
  readonly groups: Readonly<Record<string, GroupMemory>>
  /** Set once a shutdown was asked for: everything is drained and stopped. */
  readonly shutdown: boolean
}

/** What the next turn needs to know of one group. */
export interface GroupMemory extends HealthMemory, GuardMemory, PolicyMemory {
  /** How many instances the group should have. */
  readonly desired: number
  /** Next number for an instance's id. */
  readonly nextInstance: number
  /** How often a restart was asked for; part of the generation. */
  readonly restarts: number
  readonly manual?: { readonly instances: number; readonly untilMs: EpochMs; readonly by: string }
  readonly hold?: { readonly untilMs: EpochMs; readonly by: string }
  /** Wants of the last settle window, oldest first, at most one per second. */
  readonly wants: readonly { readonly atMs: EpochMs; readonly instances: number }[]
  /** When a scale-out was last applied. */
  readonly scaledOutAtMs?: EpochMs
  /** Learned while not saturated: CPU percent of one core that one request per second costs. */
  readonly cpuPerRps?: number
  /** The last step that the latency policy took. */
  readonly latencyStep?: LatencyStep
  /** Instances that died or never became ready, since the last quiet minute. */
  readonly failures: {
    readonly count: number
    readonly lastAtMs: EpochMs
    readonly retryAtMs: EpochMs
    readonly reason: string
  }
  /** A roll to a new generation that stopped at its first failure. */
  readonly rolloutFailed?: { readonly generation: string; readonly reason: string }
  /** In-flight readings of the last seconds, oldest first. */
  readonly inFlightTrail: readonly { readonly atMs: EpochMs; readonly value: number }[]
}

/** One more instance for a missed SLO, kept in mind to see whether it helped. */
export interface LatencyStep {
  readonly atMs: EpochMs
  /** How many did not suffice; absent in what older cores kept. */
  readonly from?: number
  readonly to: number
  readonly p99Ms: number
  /** Requests per second then: as long as they keep coming, the step is kept. */
  readonly rps: number
}
