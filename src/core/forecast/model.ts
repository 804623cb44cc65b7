// What is remembered of a group's demand: its level, how every forecaster would have done, and what
// is planned for.

type EpochMs = number
type SignalKind = 'in_flight' | 'rps' | 'cpu'

/** Memory of the `demand` policy. All rates are in the signal's unit. */
export interface DemandMemory {
  readonly signal: SignalKind
  /** What one instance carries; another one begins anew. */
  readonly target: number
  readonly sinceMs: EpochMs
  readonly atMs: EpochMs
  readonly level: Level
  /** By forecaster: the peak it keeps in mind. */
  readonly peaks: readonly number[]
  /** By forecaster: what it forecast, summed over seconds. */
  readonly spent: readonly number[]
  /** The same of the spread, for those that go by it. */
  readonly spreadSpent: readonly number[]
  readonly past: Past
  readonly lateness: Lateness
  /** All demand over seconds, and when it and the sums were last faded. */
  readonly total: number
  readonly fadedAtMs: EpochMs
  readonly seasons: readonly Season[]
  readonly blend: Blend
  /** Seconds that one request stays when nothing waits; 0 until it was seen. */
  readonly residenceS: number
  /** What is planned for: the demand until an instance started now would be ready. */
  readonly plan: number
  /** How the plan itself did. */
  readonly own: Coverage
}

/** Where demand is now. */
export interface Level {
  /** Averages over about 3, 10 and 60 seconds. */
  readonly fast: number
  readonly slow: number
  readonly minute: number
  /** The reading before. */
  readonly last: number
  /** Variance of the level around its minute's mean, relative to that mean. */
  readonly dispersion: number
  /** The largest of late; what forecasters are weighed by. */
  readonly most: number
}

/** What was forecast over the time that an instance takes to boot. */
export interface Past {
  readonly markedAtMs: EpochMs
  /** The next place in the ring. */
  readonly next: number
  readonly ring: readonly Marked[]
  /** By forecaster: the least of the ring. */
  readonly lowest: readonly number[]
  readonly lowestSpread: readonly number[]
  readonly lowestPlan: number
}

/** All forecasts of one moment. */
export interface Marked {
  readonly forecasts: readonly number[]
  readonly spreads: readonly number[]
  readonly plan: number
}

/** How each forecaster at each of its steps would have done. */
export interface Lateness {
  /** Demand over seconds that would have come too late. */
  readonly late: readonly number[]
  /** What would be waiting now. */
  readonly queues: readonly number[]
  /** By forecaster: whether anything would. */
  readonly isWaiting: readonly boolean[]
}

/** The largest demand of each part of a period. */
export interface Season {
  /** Which part of all time is being filled. */
  readonly bucket: number
  readonly current: number
  readonly profile: readonly number[]
  /** The largest of the parts that an instance started now would see first. */
  readonly ahead: number
}

/** The forecasters' shares in the plan, summed up. */
export interface Blend {
  readonly atMs: EpochMs
  /** By forecaster: the factor of its forecast and of the spread of that. */
  readonly times: readonly number[]
  readonly spreads: readonly number[]
  /** The forecaster and the step with the largest share. */
  readonly leader: number
  readonly step: number
  /** Share of demand that would have come late with this blend, 0 to 1. */
  readonly expectedLate: number
}

/** Whether what was planned sufficed. */
export interface Coverage {
  readonly queue: number
  readonly late: number
  readonly total: number
}

/** Boot and drain of a group, in seconds: of half of all boots, and of all but the slowest. */
export interface TurnoverTimes {
  readonly bootS: { readonly p50: number; readonly p95: number }
  readonly drainS: number
}

/** How long instances of a group take to boot and to drain, as seen. */
export interface Turnover {
  /** Which code they ran: another one begins anew. */
  readonly generation: string
  /** Seconds from request to ready and from drain to end, the latest ones, oldest first. */
  readonly bootsS: readonly number[]
  readonly drainsS: readonly number[]
  readonly times: TurnoverTimes
  /** The latest instance that became ready, as it was counted. */
  readonly readyAtMs: EpochMs
  /** Who drains, and since when. */
  readonly draining: Readonly<Record<string, EpochMs>>
}
