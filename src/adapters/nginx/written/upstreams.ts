// One group's upstreams: its pools, among which a link chooses.
import type { GroupState } from '../state.ts'
import { poolNames } from '../targets/pools.ts'
import { isSubset, subsets } from '../targets/subsets.ts'

const KEEP = 'keepalive 64; keepalive_timeout 1s; keepalive_requests 1000000;'
/** Shared memory for one server of an upstream, in KiB, generously. */
const SERVER_KIB = 2

/** Forwarders of a group: one per target, and as many for those that still drain. */
export function forwarderCount(state: GroupState): number {
  return state.reach === 'forwarded' ? state.slots * 2 : 0
}

/** Whether a group has pools of slots, which lead wherever their links do. */
export function hasSlots({ isSlotted, reach }: GroupState): boolean {
  return isSlotted ?? reach !== 'direct'
}

/** The upstream that a pool is. What tells it from others comes first: NGINX compares them all. */
export function poolId(group: string, pool: string): string {
  return `${isSubset(pool) ? '' : 'p'}${pool.replace('.', '_')}_${group}`
}

/** The same upstream, called by capitals while clients are asked to leave: NGINX does not mind. */
export function leavingId(group: string, pool: string): string {
  return poolId(group, pool).replace(/^[a-z]/, (letter) => letter.toUpperCase())
}

/** The pools that the written configuration has for a group. */
export function poolsOf(state: GroupState): readonly string[] {
  const sets = subsets(state.addresses).map(({ pool }) => pool)
  return !hasSlots(state) ? sets : [...sets, ...poolNames(state.slots).map((p) => p.name)]
}

/** The text of all pools. */
export function upstreams(state: GroupState, run: string): readonly string[] {
  const { group, addresses, slots } = state
  const sets = subsets(addresses)
  const servers = sets.reduce((sum, set) => sum + set.addresses.length, 0)
  const direct = sets.map((set, i) => {
    // All in one zone: as many of the smallest ones would be most of the memory.
    const zone =
      i === 0 ? `direct_${group.group} ${512 + servers * SERVER_KIB}k` : `direct_${group.group}`
    return upstream(state, { pool: set.pool, zone, places: set.addresses })
  })
  if (!hasSlots(state)) return direct
  const named = poolNames(slots).map(({ name, size }) => {
    const places = Array.from({ length: size }, (_, slot) => {
      return `unix:${run}/p/${group.group}/${name}/${slot}`
    })
    const zone = `${poolId(group.group, name)} ${64 + SERVER_KIB * 2 * size}k`
    return upstream(state, { pool: name, zone, places })
  })
  return [...direct, ...named]
}

// NGINX counts no failures: requests that break every instance would take them all out at once.
function upstream(
  { group }: GroupState,
  {
    pool,
    zone,
    places,
  }: { readonly pool: string; readonly zone: string; readonly places: readonly string[] },
): string {
  const method = group.balance === 'least_connections' ? ' least_conn;' : ''
  const servers = places.map(
    (place) => `server ${place} max_conns=${group.maxInFlight} max_fails=0;`,
  )
  return `  upstream ${poolId(group.group, pool)} { zone ${zone};${method} ${servers.join(' ')} ${KEEP} }`
}
