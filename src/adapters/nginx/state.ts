// What is known about the NGINX that runs: its groups, targets and pools, so that another
// controller goes on where this one ended.
import { readFileSync, renameSync, writeFileSync } from 'node:fs'
import type { BalancerGroup } from '../../core/ports.ts'

/**
 * How instances are reached: over their own Unix sockets; on TCP ports known beforehand, directly;
 * or on any other TCP port through a forwarder.
 */
export type Reach = 'unix' | 'direct' | 'forwarded'

/** What one group has in NGINX. */
export interface GroupState {
  readonly group: BalancerGroup
  readonly reach: Reach
  /** TCP addresses of which each set has an upstream, in the order of their pools' names. */
  readonly addresses: readonly string[]
  /** Whether pools of slots are written beside those of addresses; absent: as the reach needs. */
  readonly isSlotted?: boolean
  /** Whether servers of others listen on the same address. */
  readonly isShared?: boolean
  /** The pair of certificate and key that is in force, by its content. */
  readonly certificate?: string
  /** Most targets that the written configuration has room for. */
  readonly slots: number
  /** TCP addresses that the written configuration keeps connections to. */
  readonly kept: readonly string[]
  /** Forwarder of each TCP target, and of those gone that still have requests. */
  readonly forwarders: Readonly<Record<string, number>>
  /** The pool that serves; absent while nothing does. */
  readonly pool?: string
  /** Instances that the pool spreads over, in their slots' order. */
  readonly members: readonly string[]
  /** Pools that were ever used: who was in them, and when they last served. */
  readonly used: Readonly<
    Record<string, { readonly members: readonly string[]; readonly atMs: number }>
  >
}

/** The whole of it. */
export interface NginxState {
  readonly bootId: string
  /** Number of the written configuration; grows with each. */
  readonly generation: number
  /** Grows with each start of a master: its sockets have paths of their own. */
  readonly epoch: number
  /** UDP port for the access log on loopback, and what each of its lines begins with. */
  readonly logPort: number
  readonly logToken: string
  readonly groups: readonly GroupState[]
}

/** Reads the kept state; undefined when there is none that makes sense. */
export function readState(path: string): NginxState | undefined {
  try {
    const value = JSON.parse(readFileSync(path, 'utf8')) as NginxState
    const isWhole = Number.isInteger(value.generation) && Array.isArray(value.groups)
    return isWhole ? value : undefined
  } catch {
    // None yet, or torn: the controller tells everything anew.
    return undefined
  }
}

/** Readers see the old file or the new one, never half of one. */
export function writeWhole(path: string, text: string | Buffer): void {
  const temporary = `${path}.new`
  writeFileSync(temporary, text, { mode: 0o600 })
  renameSync(temporary, path)
}
