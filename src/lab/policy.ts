// What a policy is in the lab: it is shown its own metric pipeline and says how many instances it
// wants. Rivals and Plimsoll's own core implement the same interface.
import type { World } from './world/world.ts'

/** How a policy's metrics come about: published every `periodS`, and `lagS` late; in seconds. */
export interface Pipeline {
  readonly periodS: number
  readonly lagS: number
}

/** One instance of the plant; times are seconds since the run began. */
export interface PlantInstance {
  readonly id: number
  readonly startedAtS: number
  /** When its boot ends; policies must not look ahead of the present. */
  readonly readyAtS: number
}

/** Where an instance of the plant is in its life. */
export type PlantPhase = 'booting' | 'ready' | 'draining'

/** What a policy sees at one instant. Windows are in seconds; NaN where nothing was published. */
export interface Seen {
  readonly nowS: number
  /** How many instances were asked for: ready and booting ones. */
  readonly wanted: number
  readonly ready: number
  readonly booting: number
  readonly min: number
  readonly max: number
  /** Requests per second that the user says one instance carries. */
  readonly capacityRps: number
  /** Seconds that one request takes to serve, as the user measured it. */
  readonly serviceS: number
  /** Age of the newest published sample. */
  readonly sampleAgeS: number
  /** Changes whenever an instance enters another phase. */
  readonly version: number
  /** Requests that arrived per second, mean over a window that ends at the newest sample. */
  rps(windowS: number): number
  /** Utilisation of the ready instances over such a window, 0 to 1. */
  busy(windowS: number): number
  /** Requests waiting or being served, mean over such a window. */
  inFlight(windowS: number): number
  /** Those in a phase, oldest first. */
  instances(phase: PlantPhase): readonly PlantInstance[]
}

/** A policy with the state of one run. */
export interface LabPolicy {
  readonly pipeline: Pipeline
  /** Seconds between two decisions. */
  readonly everyS: number
  /** How many instances it wants now; NaN leaves what there is. */
  decide(seen: Seen): number
}

/** Makes a policy with fresh state for a run in a world; rivals do not look at the world. */
export type PolicyMaker = (world: World) => LabPolicy

/** One point of a rival's grid. */
export interface Setting {
  /** Utilisation aimed at, 0 to 1. */
  readonly target: number
  /** How long less must have been wanted before it scales in, in seconds. */
  readonly settleS: number
}

/** A rival: as documented, and with the two knobs that it is tuned by. */
export interface Rival {
  readonly name: string
  readonly defaults: PolicyMaker
  readonly tuned: (setting: Setting) => PolicyMaker
  /** Whether the settle knob means anything to it. */
  readonly settles: boolean
}
