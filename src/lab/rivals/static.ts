// Fleets that never change, sized for the peak or the mean of the traffic that is going to come.
// Nobody knows that beforehand: they are the ends between which a policy has to be worth it.
import type { PolicyMaker, Rival, Setting } from '../policy.ts'
import type { World } from '../world/world.ts'

const NEVER_S = 60

/** Share of the seconds that a size for the peak covers. */
const PEAK_SHARE = 0.999

function fixed(size: (world: World) => number, target: number): PolicyMaker {
  return (world) => {
    const instances = Math.max(1, Math.ceil(size(world) / (world.capacityRps * target) - 1e-9))
    const pipeline = { periodS: 1, lagS: 0 }
    return { pipeline, everyS: NEVER_S, decide: () => instances }
  }
}

/** The rate that all but one second in a thousand stay below. */
export function peakRate(world: World): number {
  const sorted = world.arrivals.toSorted()
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * PEAK_SHARE))] ?? 0
}

/** The mean rate. */
export function meanRate(world: World): number {
  const { arrivals } = world
  return arrivals.reduce((sum, value) => sum + value, 0) / Math.max(1, arrivals.length)
}

function rival(name: string, size: (world: World) => number): Rival {
  const tuned = ({ target }: Setting): PolicyMaker => fixed(size, target)
  return { name, defaults: fixed(size, 1), tuned, settles: false }
}

/** As many as the peak needs, always. */
export const staticPeak: Rival = rival('static-peak', peakRate)

/** As many as the mean needs, always. */
export const staticMean: Rival = rival('static-mean', meanRate)
