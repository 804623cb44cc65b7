// Where all addresses of a group are known beforehand, each set of them has an upstream of its own:
// a change of targets names another one, and nothing stands between NGINX and the instances.
import type { BalancerGroup } from '../../../core/ports.ts'
import { targetAddress } from '../written/grammar.ts'

/** Of so many addresses each set still has an upstream; NGINX finds one by looking through all. */
export const MOST_ADDRESSES = 10

/** A set of addresses, and the pool that it is. */
export interface Subset {
  readonly pool: string
  readonly addresses: readonly string[]
}

/**
 * The addresses that a group's targets are going to have. Those known before come first, in their
 * order, so that a pool's name means the same for as long as something is served.
 */
export function addressesOf(group: BalancerGroup, before: readonly string[]): readonly string[] {
  const { targets, ports = [] } = group
  const hinted = ports.map((port) => targetAddress({ host: '127.0.0.1', port }))
  const all = new Set([...(targets.length === 0 ? [] : before), ...hinted])
  return all.size > MOST_ADDRESSES ? before : [...all]
}

/** Whether these addresses are enough to reach every target. */
export function isReached(group: BalancerGroup, addresses: readonly string[]): boolean {
  const { targets } = group
  const isKnown = (target: (typeof targets)[number]) =>
    target.socket === undefined && addresses.includes(targetAddress(target))
  return addresses.length > 0 && targets.every(isKnown)
}

/** The pool that is exactly these of the known addresses. */
export function subsetPool(known: readonly string[], members: readonly string[]): string {
  const mask = known.reduce((sum, address, i) => sum + (members.includes(address) ? 2 ** i : 0), 0)
  return `d${mask}`
}

/** Whether a pool is a set of addresses. */
export function isSubset(pool: string): boolean {
  return pool.startsWith('d')
}

/**
 * All sets but the empty one, those first that are likely: instances take the first free address,
 * so few addresses are free below the last one taken.
 */
export function subsets(known: readonly string[]): readonly Subset[] {
  const all = Array.from({ length: 2 ** known.length - 1 }, (_, n) => {
    const addresses = known.filter((_address, i) => ((n + 1) >> i) & 1)
    const last = known.lastIndexOf(addresses.at(-1) ?? '')
    return { pool: subsetPool(known, addresses), addresses, free: last + 1 - addresses.length }
  })
  return all.sort((a, b) => a.free - b.free || a.addresses.length - b.addresses.length)
}
