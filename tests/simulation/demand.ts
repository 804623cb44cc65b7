// A group's demand, rehearsed over a made-up past: what tests of the forecast have in common.
import type { DemandMemory } from '../../src/core/forecast/model.ts'
import { rehearse, type Sample } from '../../src/core/forecast/rehearse.ts'
import { seeded } from '../../src/lab/random.ts'
import { drawPoisson } from '../../src/lab/world/draw.ts'

/** Where every past begins: a midnight, UTC. */
export const MIDNIGHT = 1_767_571_200_000

/** A reading of 100 requests a second, for instances that carry 50 and take 45 s to boot. */
export function sampleOf(change: Partial<Sample> = {}): Sample {
  return {
    signal: 'rps',
    target: 50,
    atMs: MIDNIGHT,
    value: 100,
    queues: true,
    bootS: 45,
    turnoverS: 60,
    waitS: 0.25,
    lateRatio: 0.001,
    residenceS: 0,
    ...change,
  }
}

/** A past: the demand of each second, and what else is not as usual. */
export interface PastOptions extends Partial<Sample> {
  readonly seconds: number
  /** Seconds between two readings. */
  readonly stepS?: number
  /** Whether demand is taken as it is, without the noise of arrivals. */
  readonly exact?: boolean
}

/** What is remembered at the end of a past in which requests arrived by chance, at this rate. */
export function rehearsed(rate: (t: number) => number, options: PastOptions): DemandMemory {
  const { seconds, stepS = 5, exact = false, ...change } = options
  const random = seeded(3)
  let memory = rehearse(undefined, sampleOf({ ...change, value: rate(0) }))
  for (let t = stepS; t <= seconds; t += stepS) {
    const value = exact ? rate(t) : drawPoisson(rate(t) * stepS, random) / stepS
    memory = rehearse(memory, sampleOf({ ...change, value, atMs: MIDNIGHT + t * 1_000 }))
  }
  return memory
}
