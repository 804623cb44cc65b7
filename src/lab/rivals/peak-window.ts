// The largest of the values of the last seconds: what holds scale-in back nearly everywhere.

/** A sliding maximum; each value costs constant time on average. */
export class PeakWindow {
  readonly #windowS: number
  // Falling values, each newer than the one before: only these can still become the largest.
  #values: { readonly atS: number; readonly value: number }[] = []

  constructor(windowS: number) {
    this.#windowS = windowS
  }

  /** Adds a value and gives the largest one that is younger than the window. */
  add(atS: number, value: number): number {
    while ((this.#values.at(-1)?.value ?? Number.POSITIVE_INFINITY) <= value) this.#values.pop()
    this.#values.push({ atS, value })
    const old = this.#values.findIndex((v) => v.atS > atS - this.#windowS)
    if (old > 0) this.#values = this.#values.slice(old)
    // A window of no length holds the present only.
    return old === -1 ? value : (this.#values[0]?.value ?? value)
  }
}
