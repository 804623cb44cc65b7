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
 * The addresses that a group's targets are going to have, static members included. Those known
 * before keep their places: a pool's name means the same for as long as something is served.
 */
export function addressesOf(group: BalancerGroup, before: readonly string[]): readonly string[] {
  const { targets, members = [] } = group
  const held = targets.length + members.length === 0 ? [] : before
  const live = liveAddresses(group).filter((address) => held.includes(address))
  const wanted = new Set([...members.map(targetAddress), ...live, ...hinted(group)])
  if (new Set([...held, ...wanted]).size <= MOST_ADDRESSES) return placed(held, [...wanted])
  return wanted.size > MOST_ADDRESSES ? before : replaced(held, [...wanted])
}

/**
 * The same where every target must be among them: first those that are there, then those that are
 * going to be. Where there are too many, some targets are missing.
 */
export function grownAddresses(group: BalancerGroup, before: readonly string[]): readonly string[] {
  const { targets, members = [] } = group
  const held = targets.length + members.length === 0 ? [] : before
  const live = [...members.map(targetAddress), ...liveAddresses(group)]
  const staying = held.filter((address) => live.includes(address))
  const all = [...new Set([...staying, ...live, ...hinted(group)])]
  if (new Set([...held, ...all]).size <= MOST_ADDRESSES) return placed(held, all)
  return replaced(held, all.slice(0, MOST_ADDRESSES))
}

function liveAddresses({ targets }: BalancerGroup): readonly string[] {
  return targets.filter(({ socket }) => socket === undefined).map(targetAddress)
}

function hinted({ ports = [] }: BalancerGroup): readonly string[] {
  return ports.map((port) => targetAddress({ host: '127.0.0.1', port }))
}

function placed(held: readonly string[], wanted: readonly string[]): readonly string[] {
  return [...new Set([...held, ...wanted])]
}

// Nothing that serves is in a pool with an address that nobody wants: its place may be another's.
function replaced(held: readonly string[], wanted: readonly string[]): readonly string[] {
  const fresh = wanted.filter((address) => !held.includes(address))
  const kept = held.map((address) =>
    wanted.includes(address) ? address : (fresh.shift() ?? address),
  )
  return [...kept, ...fresh]
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
