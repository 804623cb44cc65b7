// The nouns of health: what is said of a target, and what is remembered of failing checks. Times
// are milliseconds since the Unix epoch.

/** What the balancer says of one target. */
export interface TargetStatus {
  readonly instance: string
  readonly state: 'active' | 'draining'
  readonly health: 'healthy' | 'unhealthy'
  readonly healthSinceMs: number
  readonly healthReason: string
  /** How its last check failed; absent while it passes, and where the balancer does not tell. */
  readonly check?: CheckFailure
  readonly inFlight: number
  /**
   * Requests that it was given over about the last ten seconds, and how many of them it broke off,
   * refused or left without an answer; absent where the balancer does not count per target.
   */
  readonly recent?: { readonly requests: number; readonly failures: number }
}

/** Nobody listens, nobody answers in time, or the answer is not a good one. */
export type CheckFailure = 'refused' | 'silent' | 'answered'

/** What the next turn needs to know of the health of a group. */
export interface HealthMemory {
  /** Set while most or all instances fail their checks. */
  readonly outage?: Outage
  /** The last scale-out because checks failed for want of capacity, and the load that needed it. */
  readonly capacityStep?: { readonly atMs: number; readonly to: number; readonly rps: number }
  /** The one instance that is being replaced for its health. */
  readonly replacing?: Replacement
  /** Replacements for health since the last quiet minutes: more of them come later and later. */
  readonly replaced?: { readonly count: number; readonly lastAtMs: number }
}

/** Checks that fail for most instances at once, and what that is taken for. */
export interface Outage {
  /** `capacity`: they are full; `shared`: what all of them need is broken. */
  readonly cause: 'capacity' | 'shared'
  readonly sinceMs: number
  /** What is seen, for people. */
  readonly reason: string
  /** When the instances were last seen to be full. */
  readonly fullAtMs?: number
  /** The last scale-out for it, and how many passed their check then. */
  readonly step?: { readonly atMs: number; readonly to: number; readonly well: number }
  /** How often one was replaced to see whether that helps. */
  readonly probes: number
  readonly probedAtMs?: number
  /** Since when enough checks pass again. */
  readonly calmSinceMs?: number
}

/** One instance on its way out for its health, and another one in. */
export interface Replacement {
  readonly instance: string
  readonly sinceMs: number
  /** What is wrong with it, for people. */
  readonly reason: string
  /** It stays until another one serves: what it still carries would be missed. */
  readonly surge: boolean
  /** It passes its checks, but breaks requests. */
  readonly breaks: boolean
}
