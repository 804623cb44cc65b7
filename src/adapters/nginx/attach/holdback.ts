// After a reload that did not take, the same one is not tried again at once: each touches the
// connections of everybody in the installation.
import type { Fault } from '../../../core/model.ts'

const FIRST_MS = 10_000
const MOST_MS = 600_000

/** What failed last, and until when it is left alone. */
export class Holdback {
  readonly #monotonic: () => number
  #failed: { readonly text: string; readonly fault: Fault; readonly tries: number } | undefined
  #untilMs = 0

  constructor(monotonic: () => number) {
    this.#monotonic = monotonic
  }

  /** The fault of the last try, while it is too early for another one. */
  check(text: string): Fault | undefined {
    const isSame = this.#failed?.text === text
    return isSame && this.#monotonic() < this.#untilMs ? this.#failed?.fault : undefined
  }

  failed(text: string, fault: Fault): void {
    const tries = this.#failed?.text === text ? this.#failed.tries + 1 : 1
    this.#failed = { text, fault, tries }
    this.#untilMs = this.#monotonic() + Math.min(MOST_MS, FIRST_MS * 2 ** (tries - 1))
  }

  succeeded(): void {
    this.#failed = undefined
  }
}
