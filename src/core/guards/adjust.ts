// How a guard answers. Words are only put together where a number really changes: most turns of
// most groups change none.
import type { Adjustment } from '../model.ts'

/** The change of a guard, or nothing where the number stays. */
export function adjust(
  guard: string,
  from: number,
  to: number,
  reason: () => string,
): Adjustment | undefined {
  return from === to ? undefined : { guard, from, to, reason: reason() }
}

/** A share of 0 to 1 for people: at most one decimal of a percent. */
export function percent(share: number): string {
  return `${Math.round(share * 1_000) / 10} %`
}
