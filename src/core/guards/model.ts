// The nouns of guards: what they remember from one turn to the next. Times are milliseconds since
// the Unix epoch.

/** What guards remember of one group. */
export interface GuardMemory {
  /** By policy, for those without a reading now; absent: every policy has its readings. */
  readonly blind?: Readonly<Record<string, Blindness>>
  /** Instance-hours of the UTC day so far; absent where no budget is set. */
  readonly hours?: HoursUsed
}

/** A policy without a reading. */
export interface Blindness {
  /** When it was last not blind. */
  readonly sinceMs: number
  /** The largest want of all policies then. */
  readonly want: number
}

/** What instances cost so far, since midnight UTC. */
export interface HoursUsed {
  /** Days since the Unix epoch. */
  readonly day: number
  /** Instance-milliseconds up to `atMs`. */
  readonly usedMs: number
  readonly atMs: number
  /** Instances that were there at `atMs`. */
  readonly instances: number
}
