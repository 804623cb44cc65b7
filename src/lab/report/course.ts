// How a run went over time, in few enough columns to be drawn: what was served, and who was late.
import type { PolicyMaker } from '../policy.ts'
import { lateShare } from '../world/plant.ts'
import { runPolicy } from '../world/run.ts'
import type { World } from '../world/world.ts'

/** As many columns are drawn at most. */
const MOST_COLUMNS = 480

/** What arrives, by column; requests per second. */
export interface TrafficCourse {
  /** Seconds in every column but the last, which may hold fewer. */
  readonly columnS: number
  readonly seconds: number
  readonly mean: readonly number[]
  readonly most: readonly number[]
}

/** What one policy made of it, by column. */
export interface Course {
  /** Requests per second that the ready instances could serve, on average. */
  readonly supply: readonly number[]
  /** Requests that came late. */
  readonly late: readonly number[]
}

/** The traffic of a world, by column. */
export function trafficCourse({ arrivals }: World): TrafficCourse {
  const columnS = Math.max(1, Math.ceil(arrivals.length / MOST_COLUMNS))
  const columns = Array.from({ length: Math.ceil(arrivals.length / columnS) }, (_, i) =>
    arrivals.subarray(i * columnS, (i + 1) * columnS),
  )
  return {
    columnS,
    seconds: arrivals.length,
    mean: columns.map((column) => column.reduce((sum, n) => sum + n, 0) / column.length),
    most: columns.map((column) => column.reduce((most, n) => Math.max(most, n), 0)),
  }
}

/** Runs a policy once more, and keeps how it went. */
export function courseOf(world: World, make: PolicyMaker): Course {
  const ready = new Uint32Array(world.arrivals.length)
  runPolicy(world, make, { supply: ready })
  const { columnS, mean } = trafficCourse(world)
  const supply = mean.map(() => 0)
  const late = mean.map(() => 0)
  const lateAt = lateBySecond(world, ready)
  for (let t = 0; t < ready.length; t += 1) {
    const column = Math.floor(t / columnS)
    const seconds = Math.min(columnS, ready.length - column * columnS)
    supply[column] = (supply[column] ?? 0) + ((ready[t] ?? 0) * world.capacityRps) / seconds
    late[column] = (late[column] ?? 0) + (lateAt[t] ?? 0)
  }
  return { supply, late }
}

// The plant's own queue, from what was ready in each second.
function lateBySecond({ arrivals, capacityRps, maxWaitS }: World, ready: Uint32Array) {
  let queue = 0
  return arrivals.map((arrived, t) => {
    const capacity = (ready[t] ?? 0) * capacityRps
    const slope = arrived - capacity
    const late = arrived * lateShare(queue, slope, capacity * maxWaitS)
    queue = Math.max(0, queue + slope)
    return late
  })
}
