// What each group is to have in NGINX: how it is reached, its room, its forwarders, and who is in
// its pool. Thought only; the links are placed elsewhere.
import type { BalancerGroup, BalancerTarget } from '../../../core/ports.ts'
import type { GroupState, Reach } from '../state.ts'
import { targetAddress } from '../written/grammar.ts'
import { forwarderCount } from '../written/upstreams.ts'
import { withMembers } from './members.ts'
import { choosePool } from './pools.ts'
import { addressesOf, isReached, isSubset, subsetPool } from './subsets.ts'

const LEAST_SLOTS = 16
const MOST_KEPT = 256
/** A request whose body comes slowly goes to the pool that served when it began. */
const LATE_MS = 120_000

/** What the kernel and the checks say now. */
export interface Now {
  readonly atMs: number
  /** `group` tells apart what two groups think of one static member. */
  isHealthy(instance: string, group: string): boolean
  /** Connections to an instance; undefined where nobody can be seen to listen. */
  connections(state: GroupState, instance: string): number | undefined
}

/** A group's state with what it was asked for, its targets not yet in force. */
export function shaped(asked: BalancerGroup, old: GroupState | undefined): GroupState {
  const group = withMembers(asked)
  const addresses = addressesOf(asked, old?.addresses ?? [])
  return stateOf(old, { group, addresses, reach: reachOf(group, addresses, old?.reach) })
}

/** A group's state with another shape; `group` has its static members as targets, too. */
export function stateOf(
  old: GroupState | undefined,
  shape: Pick<GroupState, 'group' | 'addresses' | 'reach'>,
): GroupState {
  const { targets, maxTargets = 0, members = [] } = shape.group
  const wanted = Math.max(LEAST_SLOTS, maxTargets + members.length, targets.length)
  return {
    ...{ kept: [], forwarders: {}, members: [], used: {} },
    ...old,
    ...shape,
    slots: Math.max(wanted, old?.slots ?? 0),
  }
}

// Forwarders stay for as long as something is served: their pools can't be told from others.
function reachOf(group: BalancerGroup, addresses: readonly string[], old?: Reach): Reach {
  const { targets } = group
  if (targets.length === 0 && old === 'unix') return 'unix'
  if (targets.length > 0 && targets.every(({ socket }) => socket !== undefined)) return 'unix'
  const isSettled = targets.length > 0 && old === 'forwarded'
  return !isSettled && isReached(group, addresses) ? 'direct' : 'forwarded'
}

/** Addresses worth keeping connections to, for when the configuration is written anew anyway. */
export function withKept(state: GroupState): GroupState {
  if (state.reach !== 'forwarded') return { ...state, kept: [] }
  const { targets, ports = [] } = state.group
  const now = targets.filter((target) => target.socket === undefined).map(targetAddress)
  const likely = ports.map((port) => targetAddress({ host: '127.0.0.1', port }))
  return { ...state, kept: [...new Set([...now, ...likely])].slice(0, MOST_KEPT) }
}

/** Gives each TCP target a forwarder; those of targets that are gone are free once idle. */
export function withForwarders(state: GroupState, now: Now): GroupState {
  const targets = state.group.targets.filter((target) => target.socket === undefined)
  const names = new Set(targets.map(({ instance }) => instance))
  const held = Object.entries(state.forwarders).filter(([instance]) => {
    return names.has(instance) || (now.connections(state, instance) ?? 0) > 0
  })
  const forwarders = Object.fromEntries(held)
  const taken = new Set(Object.values(forwarders))
  const free = Array.from({ length: forwarderCount(state) }, (_, n) => n).filter(
    (n) => !taken.has(n),
  )
  for (const { instance } of targets) {
    if (forwarders[instance] !== undefined) continue
    const next = free.shift()
    if (next !== undefined) forwarders[instance] = next
  }
  return { ...state, forwarders }
}

/** Who is to serve, in slots' order: the healthy ones, or all where none is. */
export function membersOf(state: GroupState, now: Now): readonly string[] {
  const isReachable = (target: BalancerTarget) =>
    state.reach !== 'forwarded' ||
    target.socket !== undefined ||
    state.forwarders[target.instance] !== undefined
  const active = state.group.targets
    .filter((target) => target.state === 'active' && isReachable(target))
    .map(({ instance }) => instance)
  const well = active.filter((instance) => now.isHealthy(instance, state.group.group))
  const serving = well.length > 0 ? well : active
  const staying = state.members.filter((instance) => serving.includes(instance))
  const coming = serving.filter((instance) => !staying.includes(instance))
  return [...staying, ...coming].slice(0, state.slots)
}

/** The state with the pool that is to serve next; the same state where nothing changes. */
export function withPool(state: GroupState, now: Now): GroupState {
  const members = membersOf(state, now)
  const isSame = members.join() === state.members.join()
  const isDirect = state.reach === 'direct'
  const isOfReach = state.pool !== undefined && isSubset(state.pool) === isDirect
  if (isSame && (isOfReach || members.length === 0)) return state
  if (isDirect) return withSubset(state, members)
  const isConnected = (instance: string) => (now.connections(state, instance) ?? 0) > 0
  const { pool: last, used, slots, ...rest } = state
  const current = last === undefined || isSubset(last) ? undefined : last
  const pool =
    members.length === 0 ? undefined : choosePool({ slots, members, current, used, isConnected })
  const pools = new Set([
    ...Object.keys(used),
    ...(current ? [current] : []),
    ...(pool ? [pool] : []),
  ])
  const remembered = [...pools].map((name) => {
    const atMs = name === current || name === pool ? now.atMs : (used[name]?.atMs ?? now.atMs)
    // A pool knows whom it led to and NGINX may still have connections to.
    const known = [...(used[name]?.members ?? []), ...(name === current ? state.members : [])]
    const led = now.atMs - atMs < LATE_MS ? members : []
    const kept = known.filter((instance) => members.includes(instance) || isConnected(instance))
    return [name, { members: [...new Set([...kept, ...led])], atMs }] as const
  })
  return {
    ...rest,
    slots,
    members,
    used: Object.fromEntries(remembered),
    ...(pool ? { pool } : {}),
  }
}

// The pool says itself who is in it: nothing needs to be remembered of it.
function withSubset(state: GroupState, members: readonly string[]): GroupState {
  const { pool: _before, ...rest } = state
  if (members.length === 0) return { ...rest, members, used: {} }
  const addresses = state.group.targets
    .filter(({ instance }) => members.includes(instance))
    .map(targetAddress)
  const pool = subsetPool(state.addresses, addresses)
  return { ...rest, members, used: {}, pool }
}

/** Pools that a request may still be on its way to; they lead to members only. */
export function latePools(state: GroupState, now: Now): readonly string[] {
  const isLate = (name: string) => now.atMs - (state.used[name]?.atMs ?? 0) < LATE_MS
  return Object.keys(state.used).filter((name) => name !== state.pool && isLate(name))
}
