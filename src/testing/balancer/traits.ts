// What a balancer may lack: the suite has no such tests for it.
import { test } from 'node:test'

/** What an adapter may say it can't do; the suite leaves out what needs it. */
export type BalancerTrait =
  /** Hung instances are found without a live request. */
  | 'active health'
  /** Requests wait for room, up to a time limit. */
  | 'waiting room'
  /** `inFlight` per target is exact. */
  | 'in flight per target'
  /** Counters tell shed, retried and latency. */
  | 'full counters'
  /** What is in flight still counts for `least_connections` after targets have changed. */
  | 'counts across changes'
  /** Headers that a client's `Connection` header names stay behind. */
  | 'named hop-by-hop headers'
  /** A response may go on while more of the request is sent than buffers hold. */
  | 'duplex bodies'
  /** An instance's own reset is answered with 502 and nothing else. */
  | 'own bodies'

/** Whether the balancer under test has all of these. */
export type Needs = (...traits: readonly BalancerTrait[]) => boolean

/** A test that is there only for balancers that have what it needs. */
export function testWhere(isThere: boolean, name: string, body: () => Promise<void>): void {
  if (isThere) test(name, body)
}
