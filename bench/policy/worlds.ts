// The worlds of the policy benchmark: every trace of a folder, scaled to three fleets.
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { readTraffic } from '../../src/lab/traffic/read.ts'
import { arrivalsOf, multiplierFor, type Trace } from '../../src/lab/world/arrivals.ts'
import { PLANT, type World, worldOf } from '../../src/lab/world/world.ts'

/** Instances that the 99.9th percentile of a trace fills. */
export const FLEETS = [5, 40, 200]
const DAY_S = 86_400
/** Longer traces are cut off here. */
const MOST_DAYS = 7

/** A world and what it is called. */
export interface NamedWorld {
  readonly name: string
  readonly trace: string
  readonly fleet: number
  readonly multiplier: number
  readonly world: World
}

/** The traces of a folder, in order of their names. Throws on one that can't be read. */
export function tracesIn(folder: string): readonly Trace[] {
  const names = readdirSync(folder).filter((name) => /\.csv(\.gz)?$/.test(name))
  return names.toSorted().map((name) => {
    const traffic = readTraffic(join(folder, name))
    if ('code' in traffic) throw new Error(`${traffic.code}: ${traffic.message}`)
    return traffic.trace
  })
}

/** A trace at a fleet's size, cut to a share of the longest that is taken. */
export function worldFor(
  trace: Trace,
  fleet: number,
  options: { seed: number; share: number },
): NamedWorld {
  const { seed, share } = options
  const multiplier = multiplierFor(trace, fleet, PLANT.capacityRps)
  const mostS = MOST_DAYS * DAY_S * share
  const arrivals = arrivalsOf(trace, { multiplier, mostS, seed })
  const world = worldOf(arrivals, { seed })
  return { name: `${trace.name}, ${fleet}`, trace: trace.name, fleet, multiplier, world }
}
