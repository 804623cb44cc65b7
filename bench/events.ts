// A seeded row of scale events: scale-outs, scale-ins and rolling restarts, interleaved. Pure.
import { seeded } from '../src/lab/random.ts'

/** One thing to do to a running group; `instances` is how many there are afterwards. */
export interface ScaleEvent {
  readonly kind: 'out' | 'in' | 'restart'
  readonly instances: number
}

/** Fewest instances that an event leaves; rows begin here. */
export const MIN_INSTANCES = 2
/** Most instances that an event leaves. */
export const MAX_INSTANCES = 6
const MAX_STEP = 2

/** `count` events that begin at MIN_INSTANCES and stay within the bounds. */
export function scaleEventRow(count: number, seed: number): readonly ScaleEvent[] {
  const random = seeded(seed)
  let instances = MIN_INSTANCES
  return Array.from({ length: count }, (): ScaleEvent => {
    if (random() < 1 / 3) return { kind: 'restart', instances }
    const kind = drawKind(instances, random())
    const step = 1 + Math.floor(random() * MAX_STEP)
    instances = within(kind === 'out' ? instances + step : instances - step)
    return { kind, instances }
  })
}

function drawKind(instances: number, chance: number): 'out' | 'in' {
  if (instances === MIN_INSTANCES) return 'out'
  if (instances === MAX_INSTANCES) return 'in'
  return chance < 0.5 ? 'out' : 'in'
}

function within(instances: number): number {
  return Math.min(MAX_INSTANCES, Math.max(MIN_INSTANCES, instances))
}
