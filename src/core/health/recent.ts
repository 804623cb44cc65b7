// Requests and failures of the last seconds, counted in slots of one second. For balancers, which
// count per target; time is given.

const SLOTS = 10
const SLOT_MS = 1_000

interface Slot {
  second: number
  requests: number
  failures: number
}

/** Counts over about the last ten seconds; times are monotonic milliseconds. */
export class Recent {
  readonly #slots: Slot[] = []

  /** Counts one request that the target was given, whatever came of it. */
  request(nowMs: number): void {
    this.#at(nowMs).requests += 1
  }

  /** Counts that a request, counted already, was broken off, refused or left unanswered. */
  failure(nowMs: number): void {
    this.#at(nowMs).failures += 1
  }

  /** The sums. A failure may be younger than its request, so there are never more of them. */
  read(nowMs: number): { readonly requests: number; readonly failures: number } {
    const since = Math.floor(nowMs / SLOT_MS) - SLOTS
    const young = this.#slots.filter((slot) => slot.second > since)
    const requests = young.reduce((sum, slot) => sum + slot.requests, 0)
    const failures = young.reduce((sum, slot) => sum + slot.failures, 0)
    return { requests, failures: Math.min(requests, failures) }
  }

  #at(nowMs: number): Slot {
    const second = Math.floor(nowMs / SLOT_MS)
    const last = this.#slots.at(-1)
    if (last?.second === second) return last
    const slot = { second, requests: 0, failures: 0 }
    this.#slots.push(slot)
    while (this.#slots.length > SLOTS) this.#slots.shift()
    return slot
  }
}
