// Durations in words: `300ms`, `15m`. Units are part of the value, so that nobody has to guess.

const UNIT_MS: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
}

/** What a duration looks like. */
export const DURATION_PATTERN = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)$/

/** Milliseconds of a duration like `1.5s`, or undefined when it is none. */
export function durationMs(text: string): number | undefined {
  const match = DURATION_PATTERN.exec(text.trim())
  const unit = UNIT_MS[match?.[2] ?? '']
  return match === null || unit === undefined ? undefined : Number(match[1]) * unit
}
