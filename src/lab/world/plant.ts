// The plant: instances that boot, serve one shared queue and drain, second by second. A fluid
// model: within a second requests arrive evenly and are served in order.
import type { Random } from '../../core/ports.ts'
import type { PlantInstance, PlantPhase } from '../policy.ts'
import { seeded } from '../random.ts'
import { drawLogNormal } from './draw.ts'
import type { World } from './world.ts'

/** How many seconds of history metrics can be computed over. */
export const HISTORY_S = 4_096

/** One plant during one run. `step` is called once for every second. */
export class Plant {
  /** Seconds that have passed. */
  nowS = 0
  ready: number
  /** Changes whenever an instance enters another phase. */
  version = 0
  /** Instances ever asked for, those at the beginning not counted. */
  starts = 0
  queue = 0
  /** Of the last second: requests that arrived, and those of them that waited too long. */
  arrived = 0
  violated = 0
  readonly #world: World
  readonly #random: Random
  readonly #lists: Record<PlantPhase, PlantInstance[]> = { booting: [], ready: [], draining: [] }
  #nextId = 1
  #nextReadyS = Number.POSITIVE_INFINITY
  /** When the first of the draining ones ends. */
  #nextEndS = Number.POSITIVE_INFINITY
  readonly #ends: number[] = []
  // Running sums by second, in a ring: a mean over a window is one difference.
  readonly #arrivedSum = new Float64Array(HISTORY_S)
  readonly #servedSum = new Float64Array(HISTORY_S)
  readonly #readySum = new Float64Array(HISTORY_S)
  readonly #inFlightSum = new Float64Array(HISTORY_S)

  constructor(world: World) {
    this.#world = world
    this.#random = seeded(world.seed)
    this.ready = world.startInstances
    for (let i = 0; i < world.startInstances; i += 1) {
      this.#lists.ready.push({ id: this.#nextId++, startedAtS: -world.bootS, readyAtS: 0 })
    }
  }

  get booting(): number {
    return this.#lists.booting.length
  }

  /** Everything that is billed: booting, ready and draining. */
  get billed(): number {
    return this.#lists.booting.length + this.ready + this.#ends.length
  }

  list(phase: PlantPhase): readonly PlantInstance[] {
    return this.#lists[phase]
  }

  /** Lets one second pass, in which `arrived` requests come. */
  step(arrived: number): void {
    if (this.nowS >= this.#nextReadyS) this.#endBoots()
    if (this.nowS >= this.#nextEndS) this.#endDrains()
    const capacity = this.ready * this.#world.capacityRps
    const before = this.queue
    const slope = arrived - capacity
    const after = Math.max(0, before + slope)
    this.arrived = arrived
    this.violated = arrived * lateShare(before, slope, capacity * this.#world.maxWaitS)
    this.queue = after
    const served = before + arrived - after
    const inFlight = (before + after) / 2 + served * this.#world.serviceS
    this.#record(arrived, served, inFlight)
  }

  #record(arrived: number, served: number, inFlight: number): void {
    const last = this.nowS & (HISTORY_S - 1)
    this.nowS += 1
    const at = this.nowS & (HISTORY_S - 1)
    this.#arrivedSum[at] = (this.#arrivedSum[last] ?? 0) + arrived
    this.#servedSum[at] = (this.#servedSum[last] ?? 0) + served
    this.#readySum[at] = (this.#readySum[last] ?? 0) + this.ready
    this.#inFlightSum[at] = (this.#inFlightSum[last] ?? 0) + inFlight
  }

  /** Requests that arrived between two seconds of the remembered past. */
  arrivedBetween(fromS: number, toS: number): number {
    return between(this.#arrivedSum, fromS, toS)
  }

  servedBetween(fromS: number, toS: number): number {
    return between(this.#servedSum, fromS, toS)
  }

  /** Instance-seconds in rotation. */
  readyBetween(fromS: number, toS: number): number {
    return between(this.#readySum, fromS, toS)
  }

  inFlightBetween(fromS: number, toS: number): number {
    return between(this.#inFlightSum, fromS, toS)
  }

  /** Starts or ends as many as it takes; of those to leave, booting ones and the youngest first. */
  scaleTo(wanted: number): void {
    const { minInstances, maxInstances } = this.#world
    const to = Math.min(maxInstances, Math.max(minInstances, Math.round(wanted)))
    const live = this.ready + this.#lists.booting.length
    if (to === live) return
    this.version += 1
    for (let n = live; n < to; n += 1) this.#start()
    for (let n = live; n > to; n -= 1) this.#leave()
  }

  #start(): void {
    const { bootS, bootCv, bootFailRatio } = this.#world
    this.starts += 1
    let boot = drawLogNormal(bootS, bootCv, this.#random)
    if (this.#random() < bootFailRatio) boot += drawLogNormal(bootS, bootCv, this.#random)
    const readyAtS = this.nowS + Math.round(boot)
    this.#lists.booting.push({ id: this.#nextId++, startedAtS: this.nowS, readyAtS })
    this.#nextReadyS = Math.min(this.#nextReadyS, readyAtS)
  }

  #leave(): void {
    if (this.#lists.booting.pop() !== undefined) return
    const leaving = this.#lists.ready.pop()
    if (leaving === undefined) return
    this.ready -= 1
    this.#ends.push(this.nowS + this.#world.drainS)
    this.#lists.draining.push(leaving)
    this.#nextEndS = this.#ends[0] ?? Number.POSITIVE_INFINITY
  }

  #endBoots(): void {
    const { booting, ready } = this.#lists
    this.version += 1
    this.#nextReadyS = Number.POSITIVE_INFINITY
    const still: PlantInstance[] = []
    for (const instance of booting) {
      if (instance.readyAtS <= this.nowS) ready.push(instance)
      else {
        still.push(instance)
        this.#nextReadyS = Math.min(this.#nextReadyS, instance.readyAtS)
      }
    }
    this.#lists.booting = still
    this.ready = ready.length
  }

  #endDrains(): void {
    this.version += 1
    while ((this.#ends[0] ?? Number.POSITIVE_INFINITY) <= this.nowS) {
      this.#ends.shift()
      this.#lists.draining.shift()
    }
    this.#nextEndS = this.#ends[0] ?? Number.POSITIVE_INFINITY
  }
}

function between(sums: Float64Array, fromS: number, toS: number): number {
  return (sums[toS & (HISTORY_S - 1)] ?? 0) - (sums[fromS & (HISTORY_S - 1)] ?? 0)
}

/**
 * Share of a second's requests that find more before them than is served in time: `limit`
 * requests. The queue begins at `before` and grows by `slope` over the second.
 */
export function lateShare(before: number, slope: number, limit: number): number {
  if (slope > 0) {
    if (before >= limit) return 1
    return before + slope <= limit ? 0 : 1 - (limit - before) / slope
  }
  if (before <= limit) return 0
  return slope === 0 ? 1 : Math.min(1, (before - limit) / -slope)
}
