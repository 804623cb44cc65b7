// What a balancer may lack: such tests of the suite are skipped by name.

/** What an adapter may say it can't do; the tests that need it are skipped, by name. */
export type BalancerTrait =
  /** Hung instances are found without a live request. */
  | 'active health'
  /** Requests wait for room, up to a time limit. */
  | 'waiting room'
  /** `inFlight` per target is exact. */
  | 'in flight per target'
  /** Counters tell shed, retried and latency. */
  | 'full counters'
  /** An instance's own reset is answered with 502 and nothing else. */
  | 'own bodies'

/** Options of the `test` function for a test that needs `traits`. */
export type Needs = (...traits: readonly BalancerTrait[]) => { readonly skip: string | false }
