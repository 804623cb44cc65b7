// Where demand is now: smoothed, with its trend and how much it varies.
import type { Level } from './model.ts'

const FAST_S = 2.5
const SLOW_S = 9.5
const MINUTE_S = 60
const DISPERSION_S = 7_200
/** How fast the variance is learned at first. */
const LEARN_S = 30
/** A peak counts half after so many seconds. */
const MOST_HALF_S = 3 * 86_400

/** The level at the first reading. */
export function firstLevel(value: number): Level {
  return { fast: value, slow: value, minute: value, last: value, dispersion: 0, most: value }
}

/** The level after another reading, `seconds` later; `ageS` is how long demand has been watched. */
export function nextLevel(level: Level, value: number, seconds: number, ageS: number): Level {
  const fast = towards(level.fast, value, seconds, FAST_S)
  const minute = towards(level.minute, value, seconds, MINUTE_S)
  const off = fast - minute
  const variance = (off * off) / Math.max(1, minute)
  const window = Math.min(DISPERSION_S, ageS + LEARN_S)
  return {
    fast,
    slow: towards(level.slow, value, seconds, SLOW_S),
    minute,
    last: value,
    dispersion: towards(level.dispersion, variance, seconds, window),
    most: Math.max(fast, level.most * (1 - (seconds * Math.LN2) / MOST_HALF_S)),
  }
}

// An exponential average: implicit, so that no step is too large for it.
function towards(before: number, value: number, seconds: number, windowS: number): number {
  return before + ((value - before) * seconds) / (windowS + seconds)
}

/** What demand is at least, now: two readings in a row are believed at once. */
export function presentOf(level: Level, value: number, last: number): number {
  return Math.max(level.fast, Math.min(value, last))
}

/** Growth per second; falling demand has none. */
export function slopeOf({ fast, slow }: Level): number {
  return Math.max(0, (fast - slow) / (SLOW_S - FAST_S))
}

/** One standard deviation at a level. */
export function spreadAt(value: number, { dispersion }: Level): number {
  return Math.sqrt(dispersion * Math.max(1, value))
}
