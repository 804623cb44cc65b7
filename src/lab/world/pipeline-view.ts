// What one policy sees of the plant: only what its own metric pipeline has published by now.
import type { Pipeline, PlantInstance, PlantPhase, Seen } from '../policy.ts'
import { HISTORY_S, type Plant } from './plant.ts'
import type { World } from './world.ts'

/** The newest window that can be asked for, in seconds. */
const LONGEST_S = HISTORY_S - 1

/** A view of the plant through a pipeline. */
export class PipelineView implements Seen {
  readonly min: number
  readonly max: number
  readonly capacityRps: number
  readonly serviceS: number
  readonly #plant: Plant
  readonly #pipeline: Pipeline

  constructor(plant: Plant, world: World, pipeline: Pipeline) {
    this.#plant = plant
    this.#pipeline = pipeline
    this.min = world.minInstances
    this.max = world.maxInstances
    this.capacityRps = world.capacityRps
    this.serviceS = world.serviceS
  }

  get nowS(): number {
    return this.#plant.nowS
  }

  get wanted(): number {
    return this.#plant.ready + this.#plant.booting
  }

  get ready(): number {
    return this.#plant.ready
  }

  get booting(): number {
    return this.#plant.booting
  }

  get version(): number {
    return this.#plant.version
  }

  get sampleAgeS(): number {
    return this.#plant.nowS - this.#sampleS()
  }

  rps(windowS: number): number {
    const toS = this.#sampleS()
    const fromS = this.#from(toS, windowS)
    return this.#plant.arrivedBetween(fromS, toS) / (toS - fromS)
  }

  busy(windowS: number): number {
    const toS = this.#sampleS()
    const fromS = this.#from(toS, windowS)
    const capacity = this.#plant.readyBetween(fromS, toS) * this.capacityRps
    return this.#plant.servedBetween(fromS, toS) / capacity
  }

  inFlight(windowS: number): number {
    const toS = this.#sampleS()
    const fromS = this.#from(toS, windowS)
    return this.#plant.inFlightBetween(fromS, toS) / (toS - fromS)
  }

  instances(phase: PlantPhase): readonly PlantInstance[] {
    return this.#plant.list(phase)
  }

  // Nothing published yet gives a window of no length, and so NaN.
  #sampleS(): number {
    const { periodS, lagS } = this.#pipeline
    return Math.max(0, Math.floor((this.#plant.nowS - lagS) / periodS) * periodS)
  }

  #from(toS: number, windowS: number): number {
    return Math.max(0, toS - Math.min(windowS, LONGEST_S - (this.#plant.nowS - toS)))
  }
}
