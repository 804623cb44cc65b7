// What a person watching a load run sees once a second. Final figures come from the tally.
import { type Ending, isLate, REQUEST_TIMEOUT_MS, type Verdict } from './answer.ts'
import { p99Ms } from './percentile.ts'
import { type Asked, isLost } from './tally.ts'

/** One second as it looked when it was over. All but `rps` is about requests that ended in it. */
export interface LiveSecond {
  /** 0 is the first second of the run. */
  readonly second: number
  /** Requests that were due in this second. */
  readonly rps: number
  /** Requests answered, with any status. */
  readonly answered: number
  /**
   * Of the unmarked requests that ended. When none ended and some are outstanding, the time that
   * the
   * oldest of them has waited; null when there was nothing at all.
   */
  readonly p99Ms: number | null
  readonly failed: number
  readonly late: number
  /** Requests outstanding now. */
  readonly inFlight: number
}

/** What ended in the current second. */
export class LiveView {
  #latenciesMs: number[] = []
  #lost = 0
  #answered = 0
  #failed = 0
  #late = 0

  /** A request ended. */
  end(asked: Asked, ending: Ending, judged: { verdict: Verdict; latencyMs: number }): void {
    const { verdict, latencyMs } = judged
    if (ending.kind === 'status') this.#answered += 1
    if (verdict === 'failed') this.#failed += 1
    if (isLate(verdict, latencyMs)) this.#late += 1
    if (verdict === 'ok' && asked.shot.mark === undefined) this.#latenciesMs.push(latencyMs)
    if (isLost(verdict, asked.shot)) this.#lost += 1
  }

  /**
   * Closes the second and begins the next. `oldestMs`: how long the oldest outstanding one waits.
   */
  turn(now: {
    readonly second: number
    readonly rps: number
    readonly inFlight: number
    readonly oldestMs: number | undefined
  }): LiveSecond {
    const ended = p99Ms(
      this.#latenciesMs.toSorted((a, b) => a - b),
      this.#lost,
    )
    const waitedMs = now.oldestMs === undefined ? null : Math.min(now.oldestMs, REQUEST_TIMEOUT_MS)
    const view: LiveSecond = {
      second: now.second,
      rps: now.rps,
      answered: this.#answered,
      p99Ms: ended ?? waitedMs,
      failed: this.#failed,
      late: this.#late,
      inFlight: now.inFlight,
    }
    this.#latenciesMs = []
    this.#lost = 0
    this.#answered = 0
    this.#failed = 0
    this.#late = 0
    return view
  }
}
