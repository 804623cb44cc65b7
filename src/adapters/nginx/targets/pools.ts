// Pools: one upstream per number of targets, a few times over. A change of targets is a pool whose
// links are placed first, and one link that says which pool serves: nothing is reloaded, and no
// slot is ever empty.

/** Upstreams of the same size; one serves while the others forget whom they knew. */
const TURNS = 4
/** Up to this many targets there is a pool of each size. */
const EXACT = 16
/** Beyond, each size is about so much larger than the last. */
const STEP = 1.12

/** What is known of a pool that served before. */
export interface UsedPool {
  readonly members: readonly string[]
  readonly atMs: number
}

/** The sizes of pools for at most `slots` targets, ascending. */
export function poolSizes(slots: number): readonly number[] {
  const sizes: number[] = []
  let size = 1
  while (size < slots) {
    sizes.push(size)
    size = size < EXACT ? size + 1 : Math.ceil(size * STEP)
  }
  return [...sizes, slots]
}

/** The names of all pools for at most `slots` targets: `SIZE.TURN`. */
export function poolNames(
  slots: number,
): readonly { readonly name: string; readonly size: number }[] {
  return poolSizes(slots).flatMap((size) =>
    Array.from({ length: TURNS }, (_, turn) => ({ name: `${size}.${turn}`, size })),
  )
}

/** The number of slots of a pool. */
export function poolSize(name: string): number {
  return Number(name.split('.')[0])
}

/** What a pool is chosen by. */
export interface Choice {
  readonly slots: number
  readonly members: readonly string[]
  readonly current: string | undefined
  readonly used: Readonly<Record<string, UsedPool>>
  /** Whether NGINX still has connections to an instance. */
  isConnected(instance: string): boolean
}

/**
 * The pool for these members: one that NGINX keeps no connection in to an instance that must not
 * get requests, and the longest unused of those.
 */
export function choosePool({ slots, members, current, used, isConnected }: Choice): string {
  const size = poolSizes(slots).find((candidate) => candidate >= members.length) ?? slots
  const mayLeak = (name: string) =>
    (used[name]?.members ?? []).some((m) => !members.includes(m) && isConnected(m))
  const candidates = poolNames(slots)
    .filter((pool) => pool.size === size && pool.name !== current)
    .map(({ name }) => ({ name, atMs: used[name]?.atMs ?? 0, leaks: mayLeak(name) }))
    .sort((a, b) => Number(a.leaks) - Number(b.leaks) || a.atMs - b.atMs)
  return candidates[0]?.name ?? `${size}.0`
}

/** The member that a slot leads to: beyond the last, the members begin anew. */
export function memberAt<T>(members: readonly T[], slot: number): T | undefined {
  return members[slot % members.length]
}
