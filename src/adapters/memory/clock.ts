// A clock that moves only when told to: the reference for everything that takes one.
import type { Cancel, Clock } from '../../core/ports.ts'

/** Sleeps end when they are cancelled or when `advance` passes them. */
export class MemoryClock implements Clock {
  #nowMs: number
  readonly #startMs: number
  #steppedMs = 0
  readonly #sleepers = new Set<{ untilMs: number; wake: () => void }>()

  constructor(startMs = 1_000_000) {
    this.#nowMs = startMs
    this.#startMs = startMs
  }

  now(): number {
    return this.#nowMs + this.#steppedMs
  }

  monotonic(): number {
    return this.#nowMs - this.#startMs
  }

  sleep(ms: number, cancel: Cancel): Promise<void> {
    if (cancel.aborted) return Promise.resolve()
    return new Promise((resolve) => {
      const sleeper = { untilMs: this.#nowMs + ms, wake: () => done() }
      const done = () => {
        this.#sleepers.delete(sleeper)
        cancel.removeEventListener('abort', done)
        resolve()
      }
      this.#sleepers.add(sleeper)
      cancel.addEventListener('abort', done, { once: true })
    })
  }

  /** Sets the wall time, forwards or back; nobody sleeps longer or shorter for it. */
  step(ms: number): void {
    this.#steppedMs += ms
  }

  /** Moves time forward and wakes who slept until then. */
  advance(ms: number): void {
    this.#nowMs += ms
    for (const sleeper of [...this.#sleepers]) if (sleeper.untilMs <= this.#nowMs) sleeper.wake()
  }
}
