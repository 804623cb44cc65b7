// Which instance gets the next request.
import type { BalanceMethod } from '../../../core/model.ts'
import type { Target } from './target.ts'

/** What may be chosen from. */
export interface Choice {
  readonly targets: readonly Target[]
  readonly balance: BalanceMethod
  /** Requests that one target may have at once. */
  readonly maxInFlight: number
  /** Where to begin looking; moves on with each choice, so that ties spread. */
  readonly cursor: number
  /** Targets that failed this request already; chosen only when no other can take it. */
  readonly tried: readonly Target[]
}

/**
 * The index of the target that should get a request, or -1 when none has room. Unhealthy targets
 * are chosen only when no active one is healthy, and never while nobody listens there.
 */
export function choose(choice: Choice): number {
  const { targets, balance, cursor, tried } = choice
  const failOpen = !targets.some((target) => target.state === 'active' && target.healthy)
  let best = -1
  let bestLoad = Number.POSITIVE_INFINITY
  for (let step = 0; step < targets.length; step += 1) {
    const index = (cursor + step) % targets.length
    const target = targets[index]
    if (!target || !canTake(target, choice.maxInFlight, failOpen)) continue
    const load = balance === 'least_connections' ? target.inFlight : 0
    const again = tried.includes(target) ? 1e9 : 0
    if (load + again < bestLoad) {
      best = index
      bestLoad = load + again
    }
    if (bestLoad === 0) break
  }
  return best
}

function canTake(target: Target, maxInFlight: number, failOpen: boolean): boolean {
  if (target.state !== 'active' || target.inFlight >= maxInFlight) return false
  return target.healthy || (failOpen && !target.refused)
}
