// Seeded traffic that the project ships, for tests and examples: rates by second.
import { seeded } from '../random.ts'
import type { Trace } from '../world/arrivals.ts'
import { drawPoisson } from '../world/draw.ts'

/** What there is. */
export const SHAPES = ['diurnal', 'ramp', 'bursts', 'flash'] as const
/** The name of a shape. */
export type Shape = (typeof SHAPES)[number]

/** How much of it. */
export interface SyntheticOptions {
  readonly seconds: number
  /** Requests per second at the top. */
  readonly peakRps: number
  readonly seed: number
}

const DAY_S = 86_400
/** The night's share of the day's top. */
const NIGHT = 0.2
const BURST_EVERY_S = 900
const BURST_S = 120
const QUIET = 0.25
const FLASH_RISE_S = 20
const FLASH_FALL_S = 900

/** A trace of one-second steps: the shape's rate with Poisson arrivals. */
export function synthetic(shape: Shape, { seconds, peakRps, seed }: SyntheticOptions): Trace {
  const random = seeded(seed)
  const starts = burstStarts(seconds, random)
  const rate: Record<Shape, (t: number) => number> = {
    diurnal: (t) => NIGHT + ((1 - NIGHT) * (1 - Math.cos((2 * Math.PI * t) / DAY_S))) / 2,
    ramp: (t) => QUIET + (1 - QUIET) * Math.min(1, (2 * t) / seconds),
    bursts: (t) => (starts.some((s) => t >= s && t < s + BURST_S) ? 1 : QUIET),
    flash: (t) => flash(t - seconds / 2),
  }
  const rps = Float64Array.from({ length: seconds }, (_, t) =>
    drawPoisson(peakRps * rate[shape](t), random),
  )
  return { name: shape, stepS: 1, rps }
}

function burstStarts(seconds: number, random: () => number): readonly number[] {
  const count = Math.ceil(seconds / BURST_EVERY_S)
  return Array.from({ length: count }, (_, i) => Math.floor((i + random()) * BURST_EVERY_S))
}

// From nothing unusual to ten times as much within seconds, then slowly back.
function flash(sinceS: number): number {
  const base = 0.1
  if (sinceS < 0) return base
  const height = Math.min(1, sinceS / FLASH_RISE_S) * Math.exp(-sinceS / FLASH_FALL_S)
  return base + (1 - base) * height
}
