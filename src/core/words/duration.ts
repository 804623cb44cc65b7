// Durations in words: `300ms`, `15m`. The unit is part of the value, so that nobody has to guess.

const UNITS_MS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 }

/** What a duration looks like: a number and ms, s, m or h. */
export const DURATION_PATTERN = /^\d{1,9}(\.\d{1,3})?(ms|s|m|h)$/

/** Whole milliseconds of a duration like `1.5s`; NaN when it is none. */
export function durationMs(text: string): number {
  if (!DURATION_PATTERN.test(text)) return Number.NaN
  const unit = text.replace(/^[\d.]+/, '')
  return Math.round(Number.parseFloat(text) * (UNITS_MS[unit] ?? Number.NaN))
}
