// One run: a policy in a world, to its end.
import type { PolicyMaker } from '../policy.ts'
import { type Score, Tally } from '../score/tally.ts'
import { PipelineView } from './pipeline-view.ts'
import { Plant } from './plant.ts'
import type { World } from './world.ts'

/** What a run may do beside being scored. */
export interface RunOptions {
  /** Filled with the ready instances of every second. */
  readonly supply?: Uint32Array
}

/** Lets a policy decide over the whole traffic, and scores what came of it. */
export function runPolicy(world: World, make: PolicyMaker, options: RunOptions = {}): Score {
  const plant = new Plant(world)
  const policy = make(world)
  const view = new PipelineView(plant, world, policy.pipeline)
  const tally = new Tally()
  const { arrivals } = world
  const { supply } = options
  const { everyS } = policy
  for (let t = 0; t < arrivals.length; t += 1) {
    plant.step(arrivals[t] ?? 0)
    tally.add(plant.arrived, plant.violated, plant.billed)
    if (supply !== undefined) supply[t] = plant.ready
    if (plant.nowS % everyS !== 0) continue
    const wanted = policy.decide(view)
    if (!Number.isNaN(wanted)) plant.scaleTo(wanted)
  }
  return tally.score(plant.starts)
}
