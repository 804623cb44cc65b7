// How each target did lately with the requests that it was given: from the access log, so in
// ratios only.
import { Recent } from '../../../core/health/recent.ts'
import type { TargetStatus } from '../../../core/model.ts'
import type { GroupState } from '../state.ts'
import { memberAt } from '../targets/pools.ts'
import { targetAddress } from '../written/grammar.ts'
import type { Logged } from './access-log.ts'

/** Counts of all targets; times are monotonic milliseconds. */
export class Tries {
  readonly #recent = new Map<string, Recent>()

  /** A line of the access log: each try counts for the target that it went to. */
  logged(line: Logged, groups: readonly GroupState[], nowMs: number): void {
    const state = groups.find(({ group }) => group.group === line.group)
    if (state === undefined) return
    for (const { address, failed } of line.tried) {
      const instance = instanceAt(state, address)
      if (instance === undefined) continue
      const recent = this.#of(line.group, instance)
      recent.request(nowMs)
      if (failed) recent.failure(nowMs)
    }
  }

  read(group: string, instance: string, nowMs: number): Required<TargetStatus>['recent'] {
    const recent = this.#recent.get(keyOf(group, instance))
    return recent?.read(nowMs) ?? { requests: 0, failures: 0 }
  }

  /** Forgets targets that are gone. */
  keep(groups: readonly GroupState[]): void {
    const kept = new Set(
      groups.flatMap(({ group }) => group.targets.map((t) => keyOf(group.group, t.instance))),
    )
    for (const key of this.#recent.keys()) if (!kept.has(key)) this.#recent.delete(key)
  }

  #of(group: string, instance: string): Recent {
    const key = keyOf(group, instance)
    const known = this.#recent.get(key) ?? new Recent()
    this.#recent.set(key, known)
    return known
  }
}

function keyOf(group: string, instance: string): string {
  return `${group} ${instance}`
}

/**
 * Who is behind an address in the log: a TCP address, or a slot of the pool that serves now. Other
 * pools may have led to somebody else, so nobody is blamed for those.
 */
export function instanceAt(state: GroupState, address: string): string | undefined {
  const [, group, pool, slot] = /\/p\/([^/]+)\/([^/]+)\/(\d+)$/.exec(address) ?? []
  if (group !== undefined) {
    const isNow = group === state.group.group && pool === state.pool
    return isNow ? memberAt(state.members, Number(slot)) : undefined
  }
  const { targets } = state.group
  return targets.find((t) => t.socket === undefined && targetAddress(t) === address)?.instance
}
