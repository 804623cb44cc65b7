// The clairvoyant bound: fewest instance-seconds of any schedule that always has what is needed,
// when everything is known beforehand. It separates by level: the k-th instance is kept through a
// gap exactly when a new boot and drain would cost more.
import type { World } from './world/world.ts'

/** A schedule's surroundings; seconds, and instances that are there for nothing at the start. */
export interface BoundOptions {
  readonly bootS: number
  readonly drainS: number
  readonly initial: number
}

/**
 * Instance-seconds for `need[t]` ready instances in every second; boots and drains are billed,
 * boots before the beginning too, drains only until the end.
 */
export function clairvoyant(need: ArrayLike<number>, options: BoundOptions): number {
  const { bootS, drainS, initial } = options
  let total = 0
  const last: number[] = Array.from({ length: initial }, () => -1)
  for (let t = 0; t < need.length; t += 1) {
    const wanted = need[t] ?? 0
    for (let level = 0; level < wanted; level += 1) {
      const before = last[level]
      const gap = before === undefined ? 0 : t - before - 1
      total += before === undefined ? bootS + 1 : 1 + Math.min(gap, bootS + drainS)
      last[level] = t
    }
  }
  return last.reduce((sum, at) => sum + Math.min(drainS, need.length - 1 - at), total)
}

/** A need holds for this long, so that bursts within it may wait as long as the SLO lets them. */
const BURST_S = 4

/**
 * Instances that each second needs: what serves the next few seconds' requests within their time
 * and the wait that is allowed. No more than there may be.
 */
export function needOf(world: World): Uint32Array {
  const { arrivals, capacityRps, maxWaitS, minInstances, maxInstances } = world
  const need = new Uint32Array(arrivals.length)
  let sum = 0
  for (let t = arrivals.length - 1; t >= 0; t -= 1) {
    sum += (arrivals[t] ?? 0) - (arrivals[t + BURST_S] ?? 0)
    const seconds = Math.min(BURST_S, arrivals.length - t) + maxWaitS
    const exact = sum / (capacityRps * seconds)
    need[t] = Math.min(maxInstances, Math.max(minInstances, Math.ceil(exact - 1e-9)))
  }
  return need
}

/** The bound of a world, in instance-hours. */
export function boundHours(world: World): number {
  const { bootS, drainS, startInstances: initial } = world
  return clairvoyant(needOf(world), { bootS: Math.round(bootS), drainS, initial }) / 3_600
}
