// Counts of what passed, failed and was skipped, and the line that closes a run.

/** How many tests or steps ended how. */
export interface Tally {
  readonly passed: number
  readonly failed: number
  readonly skipped: number
}

/** Nothing counted yet. */
export const NOTHING: Tally = { passed: 0, failed: 0, skipped: 0 }

/** The sums of several tallies. */
export function sum(tallies: readonly Tally[]): Tally {
  return tallies.reduce(
    (a, b) => ({
      passed: a.passed + b.passed,
      failed: a.failed + b.failed,
      skipped: a.skipped + b.skipped,
    }),
    NOTHING,
  )
}

/** The closing line, read by people and by what runs the tests. */
export function closingLine({ passed, failed, skipped }: Tally): string {
  return `${passed} passed, ${failed} failed, ${skipped} skipped`
}

/** Whether a run is good: nothing failed, and, where everything must run, nothing was skipped. */
export function isGood({ failed, skipped }: Tally, mustRunAll: boolean): boolean {
  return failed === 0 && !(mustRunAll && skipped > 0)
}
