// The world of a fault run: every port, each with the ways in which it can be broken. The memory
// adapters are such a world.
import type { CheckFailure } from '../../core/health/model.ts'
import type { GroupSpec, Instance, Spec } from '../../core/model.ts'
import type { ScheduleSpec, StepSignal } from '../../core/policies/model.ts'
import type {
  Balancer,
  BalancerGroup,
  Clock,
  Gauge,
  Host,
  Provider,
  Random,
  Store,
} from '../../core/ports.ts'

/** Ports over one simulated clock, and what can be done to them. */
export interface FaultWorld {
  readonly clock: Clock & {
    /** Lets time pass. */
    advance(ms: number): void
    /** Sets the wall clock, forwards or back; durations stay what they are. */
    step(ms: number): void
  }
  readonly provider: Provider & {
    bootMs: number
    stopMs: number
    unreachable: boolean
    stillborn: boolean
    stalls: boolean
    cpuPercent: number
    all(): readonly Instance[]
    crash(id: string): void
    /** Takes an instance away without a trace. */
    lose(id: string): void
  }
  readonly balancer: Balancer & {
    down: boolean
    garbled: boolean
    readonly load: Map<string, Load>
    readonly hung: Set<string>
    failing: { readonly check: CheckFailure; readonly reason: string } | undefined
    patienceMs: number
    readonly breaking: Map<string, number>
    errorsShare: number
    groups: readonly BalancerGroup[]
  }
  readonly host: Host
  readonly gauge: Gauge
  /** How full each resource is, 0 to 1; undefined for a reading that is missing. */
  saturation: number | undefined
  /** Host CPU in percent; undefined for a reading that is missing. */
  hostCpu: number | undefined
  readonly store: Store & { broken: boolean }
}

/** Requests per second, milliseconds that one takes, and how many an instance serves at once. */
export interface Load {
  readonly rps: number
  readonly serviceMs: number
  readonly slots: number
}

/** The one group of a run. */
export const GROUP = 'web'
/** Instances that the connections of the run's database suffice for, where the group needs it. */
export const BUDGET = 7
/** How long an instance may take to become ready. */
export const START_TIMEOUT_MS = 10_000
/** In flight that an instance should carry. */
export const TARGET = 8

/** What the specifications of runs differ in. */
export interface Variant {
  /** Whether it needs a database, whose connections are limited. */
  readonly needs: boolean
  /** What sizes the group. */
  readonly sizing: 'in_flight' | 'demand' | 'cpu' | 'steps'
  /** What the calendar says for some of the time. */
  readonly calendar: 'nothing' | 'floor' | 'ceiling'
  /** Whether the instance-hours of a day are limited. */
  readonly hours: boolean
}

/** Draws a variant; most are plain. */
export function drawVariant(random: Random): Variant {
  const pick = <T>(common: T, ...rare: readonly T[]): T => {
    const drawn = Math.floor(random() * rare.length * 6)
    return rare[drawn] ?? common
  }
  return {
    needs: random() < 0.5,
    sizing: pick('in_flight', 'demand', 'cpu', 'steps'),
    calendar: pick('nothing', 'floor', 'ceiling'),
    hours: random() < 0.15,
  }
}

// From the 20th second of a run, which begins at 00:16:40 UTC, for half a minute.
function scheduleOf(calendar: Variant['calendar']): readonly ScheduleSpec[] {
  const all = Array.from({ length: 31 }, (_, i) => i)
  const starts = {
    ...{ minutes: [17], hours: [0], days: all.slice(1), months: all.slice(1, 13) },
    ...{ weekdays: all.slice(0, 7), eitherDay: false },
  }
  const bound = calendar === 'floor' ? { minInstances: 5 } : { maxInstances: 3 }
  return [{ cron: '17 0 * * *', starts, tz: 'UTC', durationMs: 30_000, except: [], ...bound }]
}

/** In flight per instance: so little that one is too many, so much that one is missing. */
const STEPS: readonly StepSignal[] = [
  {
    kind: 'in_flight',
    steps: [
      { side: 'above', bound: 8, by: 1, unit: 'instances' },
      { side: 'below', bound: 7, by: 1, unit: 'instances' },
    ],
  },
]
/** What two instances take of a day, and a little more. */
const HOURS = 48.5

/** The specification of a run. */
export function specOf({ needs, sizing, calendar, hours }: Variant): Spec {
  const group: GroupSpec = {
    name: GROUP,
    mode: 'enforce',
    run: {
      command: ['server'],
      shell: false,
      cwd: '/',
      env: {},
      startTimeoutMs: START_TIMEOUT_MS,
      stopTimeoutMs: 10_000,
      hash: 'aaaa',
    },
    http: {
      listen: { host: '127.0.0.1', port: 8080 },
      via: { kind: 'auto' },
      balance: 'least_connections',
      maxInFlight: 1_000,
      queueTimeoutMs: 5_000,
      maxBodyBytes: 1_000_000,
      timeoutMs: 60_000,
      trustForwarded: false,
    },
    slo: { p99Ms: 300 },
    scaling: {
      minInstances: 2,
      maxInstances: 8,
      thresholdPercent: 80,
      ...(sizing === 'demand' ? {} : { policy: 'target' as const }),
      settleMs: 15_000,
      cooldownMs: 3_000,
      ...(calendar === 'nothing' ? {} : { schedule: scheduleOf(calendar) }),
      ...(hours ? { maxInstanceHours: HOURS } : {}),
    },
    signals:
      sizing === 'in_flight' || sizing === 'demand' ? [{ kind: 'in_flight', target: TARGET }] : [],
    ...(sizing === 'steps' ? { steps: STEPS } : {}),
    needs: needs ? ['db'] : [],
  }
  const resources = needs
    ? [{ name: 'db', connections: { total: BUDGET * 10, perInstance: 10 } }]
    : []
  return { app: 'shop', hash: 'spec', intervalMs: 1_000, groups: [group], resources }
}
