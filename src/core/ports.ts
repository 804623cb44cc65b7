// The whole boundary between the core's world of values and the outside. Implemented at the edge.
import type {
  Action,
  BalanceMethod,
  EpochMs,
  Fault,
  GroupSpec,
  GroupStatus,
  Memory,
  MetricsSpec,
  Outcome,
  Reading,
  ResourceSpec,
  Spec,
  TargetStatus,
  Tick,
} from './model.ts'

/** Cancellation without DOM or Node types; a real `AbortSignal` satisfies it. */
export interface Cancel {
  readonly aborted: boolean
  readonly reason?: unknown
  addEventListener(type: 'abort', listener: () => void, options?: { once?: boolean }): void
  removeEventListener(type: 'abort', listener: () => void): void
}

/** Time as something given, so that a test or a replay can bring its own. */
export interface Clock {
  /** Wall time. */
  now(): EpochMs
  /** Time that never goes back, for durations, in milliseconds. */
  monotonic(): number
  /** Resolves after `ms`, or early when cancelled; never rejects. */
  sleep(ms: number, cancel: Cancel): Promise<void>
}

/** Uniform in [0, 1). */
export type Random = () => number

/** Where a group's instances run. */
export interface Provider {
  /** What exists. Unreachable is `unknown`, never an empty list. */
  observe(group: GroupSpec, cancel: Cancel): Promise<GroupStatus>
  /** Carries out `start`, `drain`, `stop`, `kill` or `forget`; repeating one is safe. */
  apply(action: Action, group: GroupSpec, cancel: Cancel): Promise<Outcome>
  /**
   * TCP ports of the loopback that the group's instances are going to listen on, the likeliest
   * first; absent where they are not known beforehand.
   */
  ports?(group: GroupSpec): Promise<readonly number[]>
  /** Finds what an earlier controller left running. Returns how many instances it found. */
  adopt(cancel: Cancel): Promise<number>
  /** The last lines of an instance's log, oldest first. */
  logs(group: string, instance: string, lines: number): Promise<readonly string[]>
  /** Calls `listener` when an instance became ready or exited, so that the loop looks sooner. */
  onChange(listener: () => void): void
  /** Lets go of the instances without stopping them. */
  close(): Promise<void>
}

/** Readings of the machine itself. */
export interface Host {
  cpuPercent(): Promise<Reading>
  /** How many cores there are. */
  readonly cores: number
}

/** A monitor that answers queries. */
export interface Metrics {
  /**
   * One number for each query, in their order; one that can't be had, is no single number, or is
   * too old is `missing` with the reason. Never rejects; once cancelled what is left is missing.
   */
  read(from: MetricsSpec, queries: readonly string[], cancel: Cancel): Promise<readonly Reading[]>
  /** Lets go of its connections. */
  close(): Promise<void>
}

/** How full the things are that groups share. */
export interface Gauge {
  /** From 0 to 1; missing where this one can't be asked. */
  saturation(resource: ResourceSpec, cancel: Cancel): Promise<Reading>
}

/** Where one instance is reached. */
export interface BalancerTarget {
  readonly instance: string
  readonly host: string
  readonly port: number
  /**
   * The absolute path of the Unix socket on which it listens, as it was bound; `host` and `port`
   * are not used then by balancers that can.
   */
  readonly socket?: string
  readonly state: 'active' | 'draining'
}

/** What the balancer should do for one group; complete, not a change. */
export interface BalancerGroup {
  readonly group: string
  readonly listen: { readonly host: string; readonly port: number }
  readonly balance: BalanceMethod
  readonly health?: string
  readonly maxInFlight: number
  readonly queueTimeoutMs: number
  readonly maxBodyBytes: number
  readonly timeoutMs: number
  readonly trustForwarded: boolean
  /** Names in the Host header that it answers to; absent or empty: every name. */
  readonly hostnames?: readonly string[]
  /** PEM files by absolute path; absent: plain HTTP. */
  readonly tls?: { readonly certificate: string; readonly key: string }
  /**
   * Static members: addresses served beside the targets that nobody here starts or ends. The
   * balancer checks their health, and reports each as a target called `HOST:PORT`.
   */
  readonly members?: readonly { readonly host: string; readonly port: number }[]
  /** Most targets that are going to be there at once, a roll's included; a hint. */
  readonly maxTargets?: number
  /** TCP ports of the loopback that its instances are going to listen on; a hint. */
  readonly ports?: readonly number[]
  readonly targets: readonly BalancerTarget[]
}

/** Cumulative since the balancer started; the caller takes differences. */
export interface BalancerCounters {
  /** Requests that arrived. */
  readonly requests: number
  /**
   * Responses sent to clients by class; `shed` (503 by the balancer for want of room) and
   * `badGateway` (502, 504 by the balancer) are not in `server`.
   */
  readonly ok: number
  readonly client: number
  readonly server: number
  readonly badGateway: number
  readonly shed: number
  readonly retried: number
  /** Now: being served or waiting. */
  readonly inFlight: number
  readonly waiting: number
  /** Integral of `inFlight` over time, in request-milliseconds. */
  readonly inFlightMs: number
  /**
   * Responses per latency bucket; bounds in LATENCY_BOUNDS_MS, the last bucket is beyond the last
   * bound.
   */
  readonly latency: readonly number[]
}

/** What the balancer process says of itself, or that it does not answer. */
export type BalancerStatus =
  | {
      readonly kind: 'up'
      /** Changes when the balancer was restarted: counters began anew. */
      readonly startId: string
      /** The balancer's own monotonic time of these counters, in milliseconds. */
      readonly monotonicMs: number
      readonly groups: readonly {
        readonly group: string
        readonly targets: readonly TargetStatus[]
        readonly counters: BalancerCounters
      }[]
    }
  | { readonly kind: 'down'; readonly fault: Fault }

/**
 * Upper bounds of the latency buckets, in milliseconds: 1 ms to about 100 s, each 15 % above the
 * last.
 */
export const LATENCY_BOUNDS_MS: readonly number[] = Array.from(
  { length: 84 },
  (_, i) => Math.round(1.15 ** i * 100) / 100,
)

/** Spreads requests over instances, in a process of its own that outlives the controller. */
export interface Balancer {
  readonly name: string
  /** Starts the process, or finds the one that runs already; undefined when it serves. */
  start(cancel: Cancel): Promise<Fault | undefined>
  observe(cancel: Cancel): Promise<BalancerStatus>
  /** Makes the balancer serve exactly these groups and targets. Resolves once they are in force. */
  configure(groups: readonly BalancerGroup[], cancel: Cancel): Promise<Fault | undefined>
  /**
   * Calls `listener` when the process ended, or a target's health or drain changed, so that the
   * loop looks sooner.
   */
  onChange(listener: () => void): void
  /** What people should know of it now, in whole sentences; absent where it has nothing to say. */
  notices?(): readonly string[]
  /** Ends the process: stops accepting, lets requests in flight finish for at most `graceMs`. */
  stop(graceMs: number, cancel: Cancel): Promise<void>
  /** Lets go of the process without stopping it. */
  close(): Promise<void>
}

/** What was kept, in its order: a tick, or the memory that the tick `after` left. */
export type Kept =
  | { readonly kind: 'tick'; readonly tick: Tick }
  | { readonly kind: 'memory'; readonly after: number; readonly memory: Memory }

/**
 * Where ticks, memory and specifications are kept. Calls are short and bounded; a Fault means not
 * stored.
 */
export interface Store {
  /** Keeps a tick before its plan is carried out. */
  plan(tick: Tick): Fault | undefined
  /** Completes a tick with its outcomes; `memory` is given on change and every so often. */
  finish(tick: Tick, memory?: Memory): Fault | undefined
  saveSpec(spec: Spec): Fault | undefined
  spec(hash: string): Spec | undefined
  /** The newest kept memory and the ticks after it, oldest first. */
  recover():
    | { readonly memory?: Memory; readonly ticks: readonly Tick[]; readonly lastId: number }
    | Fault
  /**
   * What it takes to decide stored ticks again, oldest first: those since `sinceMs`, and before
   * them as many as lead there from a kept memory. Throws PlimsollError E_STORE where it can't be
   * read.
   */
  history(sinceMs: EpochMs): Iterable<Kept>
  tick(id: number): Tick | undefined
  /** Newest first. `changedOnly`: only ticks that changed a number or did something. */
  ticks(query: {
    readonly before?: number
    readonly limit: number
    readonly group?: string
    readonly changedOnly?: boolean
  }): readonly Tick[]
  close(): void
}
