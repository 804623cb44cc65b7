// The world of a run: what arrives in every second, and what the plant is made of. The same for
// every policy, and the same bytes for the same seed.

/** What the plant is made of. Times in seconds. */
export interface PlantOptions {
  /** Requests per second that one instance serves. */
  readonly capacityRps: number
  /** How long one request takes to serve, without waiting. */
  readonly serviceS: number
  /** A request that waits longer than this violates the SLO. */
  readonly maxWaitS: number
  /** Mean and coefficient of variation of a boot (log-normal), and how many fail once. */
  readonly bootS: number
  readonly bootCv: number
  /** Share of boots that fail at their end and are begun anew, 0 to 1. */
  readonly bootFailRatio: number
  /** From leaving the rotation to the end; billed. */
  readonly drainS: number
  readonly minInstances: number
  readonly maxInstances: number
  /** Instances that are ready when the run begins. */
  readonly startInstances: number
  readonly seed: number
}

/** A plant and its traffic: `arrivals[t]` requests between second t and t + 1. */
export interface World extends PlantOptions {
  readonly arrivals: Float64Array
}

/** The plant that the benchmark uses, but for its bounds. */
export const PLANT: Omit<PlantOptions, 'maxInstances' | 'startInstances'> = {
  capacityRps: 50,
  serviceS: 0.05,
  maxWaitS: 0.25,
  bootS: 45,
  bootCv: 0.2,
  bootFailRatio: 0.05,
  drainS: 15,
  minInstances: 1,
  seed: 1,
}

/** How much larger than what the peak needs a group may grow. */
const ROOM = 2
/** The run begins with what the first minute needs at this utilisation. */
const START_UTILISATION = 0.7
const START_S = 60

/** A world over traffic; bounds and first size follow from it unless they are given. */
export function worldOf(arrivals: Float64Array, options: Partial<PlantOptions> = {}): World {
  const capacityRps = options.capacityRps ?? PLANT.capacityRps
  const minInstances = options.minInstances ?? PLANT.minInstances
  const peak = arrivals.reduce((most, value) => Math.max(most, value), 0)
  const first = arrivals.subarray(0, START_S)
  const mean = first.length === 0 ? 0 : first.reduce((sum, value) => sum + value, 0) / first.length
  const maxInstances = Math.max(minInstances, Math.ceil((ROOM * peak) / capacityRps), 1)
  const begin = Math.ceil(mean / (capacityRps * START_UTILISATION))
  const startInstances = Math.min(maxInstances, Math.max(minInstances, begin, 1))
  return { ...PLANT, maxInstances, startInstances, ...options, arrivals }
}
