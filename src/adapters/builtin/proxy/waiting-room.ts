// Requests that no instance has room for: first in, first out, bounded in number and in time.

/** Who waits; `expired` is called when its time is up. */
export interface Waiter {
  expired(): void
}

/** A bounded queue whose members leave in order, by themselves, or when their time is up. */
export class WaitingRoom<W extends Waiter> {
  readonly #limit: number
  /** A Map keeps the order of arrival and lets anyone leave from the middle. */
  readonly #waiters = new Map<W, NodeJS.Timeout>()

  constructor(limit: number) {
    this.#limit = limit
  }

  get size(): number {
    return this.#waiters.size
  }

  /** Takes a place for at most `timeoutMs`. Returns false when the room is full. */
  enter(waiter: W, timeoutMs: number): boolean {
    if (this.#waiters.size >= this.#limit) return false
    const timer = setTimeout(() => {
      this.#waiters.delete(waiter)
      waiter.expired()
    }, timeoutMs)
    this.#waiters.set(waiter, timer)
    return true
  }

  /** Who waits longest. */
  first(): W | undefined {
    return this.#waiters.keys().next().value
  }

  /** Gives up a place; nothing happens if there is none. */
  leave(waiter: W): void {
    const timer = this.#waiters.get(waiter)
    if (!timer) return
    clearTimeout(timer)
    this.#waiters.delete(waiter)
  }

  /** Ends everyone's wait now, as if their time were up. */
  clear(): void {
    for (const waiter of [...this.#waiters.keys()]) {
      this.leave(waiter)
      waiter.expired()
    }
  }
}
