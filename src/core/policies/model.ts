// The nouns of policies: what they are told in the specification, and what they remember.
// Knows nothing of groups. Times are milliseconds since the Unix epoch.
import type { DemandMemory, Turnover } from '../forecast/model.ts'

/** The bounds of a group and how eagerly it moves between them. */
export interface ScalingSpec {
  readonly minInstances: number
  readonly maxInstances: number
  /** CPU percent of one core at which an instance counts as full. */
  readonly thresholdPercent: number
  /** Scale-in waits until fewer were wanted for this long; absent: what capacity/settle.ts says. */
  readonly settleMs?: number
  /** Time after a scale-out in which no further one is made. */
  readonly cooldownMs: number
  /** Floors and ceilings by the calendar; absent: none. */
  readonly schedule?: readonly ScheduleSpec[]
  /** Instance-hours that a UTC day may cost before scale-out stops; absent: no limit. */
  readonly maxInstanceHours?: number
  /** What sizes the group by its first signal; absent: `demand`. */
  readonly policy?: 'demand' | 'target'
}

/** A signal per instance with bounds: each one that is passed stands for a change. */
export interface StepSignal {
  readonly kind: 'in_flight' | 'rps' | 'cpu'
  readonly steps: readonly Step[]
}

/** `above` adds where the signal is over the bound, `below` removes where it is under it. */
export interface Step {
  readonly side: 'above' | 'below'
  /** In the signal's unit, per instance. */
  readonly bound: number
  /** How many instances, or how many percent of those that carry the load. */
  readonly by: number
  readonly unit: 'instances' | 'percent'
}

/** A queue, and how long a message in it may wait. */
export interface QueueSignal {
  /** Its name among the readings. */
  readonly queue: string
  readonly drainWithinMs: number
}

/** A floor or a ceiling that holds for some time from each start on. */
export interface ScheduleSpec {
  /** The starts as they were written, for people. */
  readonly cron: string
  readonly starts: CronFields
  /** An IANA time zone, like `Europe/Paris`. */
  readonly tz: string
  /** How long it holds, at most a week. */
  readonly durationMs: number
  readonly minInstances?: number
  readonly maxInstances?: number
  /** Local dates on which none starts, like `2026-12-25`. */
  readonly except: readonly string[]
}

/** A cron expression as the numbers it matches, each list in ascending order. */
export interface CronFields {
  /** 0 to 59. */
  readonly minutes: readonly number[]
  /** 0 to 23. */
  readonly hours: readonly number[]
  /** 1 to 31. */
  readonly days: readonly number[]
  /** 1 to 12. */
  readonly months: readonly number[]
  /** 0 to 6, Sunday first. */
  readonly weekdays: readonly number[]
  /** Both days and weekdays are restricted: one of them is enough. */
  readonly eitherDay: boolean
}

/** What policies remember of one group. */
export interface PolicyMemory {
  readonly demand?: DemandMemory
  readonly turnover?: Turnover
  /** What the schedule says; looked up again once `untilMs` has come. */
  readonly schedule?: ScheduleNow
  /** By queue: messages per second that one instance finishes while there is enough to do. */
  readonly queueRates?: Readonly<Record<string, number>>
}

/** What a schedule says between two instants. */
export interface ScheduleNow {
  /** Hash of the specification that it is from. */
  readonly spec: string
  readonly fromMs: number
  readonly untilMs: number
  readonly floor?: ScheduleBound
  readonly ceiling?: ScheduleBound
}

/** A number of instances, and in words where it comes from. */
export interface ScheduleBound {
  readonly instances: number
  readonly reason: string
}
