// The open-loop load generator: a request starts when it is due, whether or not the last one
// came back.
import type { Cancel } from '../../core/ports.ts'
import { seeded } from '../random.ts'
import { TOO_MANY_OUTSTANDING } from './answer.ts'
import { type Arrival, arrivals, type Mix, profileSeconds, type Segment } from './arrivals.ts'
import { type LiveSecond, LiveView } from './live.ts'
import { openSender, type Sender } from './send.ts'
import { type SecondResult, Tally, type Totals } from './tally.ts'

/** A load that comes at its own times, whatever the answers. */
export interface LoadOptions extends Partial<Mix> {
  /** `http:` URL of the service; its path is ignored. */
  readonly target: URL
  readonly profile: readonly Segment[]
  /** The same seed makes the same requests at the same times. */
  readonly seed: number
  /** Called at the end of every second of the profile, and while the last requests come back. */
  readonly onSecond?: (second: LiveSecond) => void
  /** Ends the run at once; what is outstanding is given up and counted nowhere. */
  readonly signal?: Cancel
  /** Requests outstanding at once; further ones are not sent and count as failed. */
  readonly maxOutstanding?: number
}

/** The totals of a run and its seconds one by one. */
export interface LoadResult extends Totals {
  /** One for each second of the profile. */
  readonly seconds: readonly SecondResult[]
  /** The longest that this generator started a request after it was due, in milliseconds. */
  readonly maxLagMs: number
}

const FAULT_RATIO = 0.01
const POST_RATIO = 0.5
// Every outstanding request holds a connection; stays below the usual 28,000 ephemeral ports.
const MAX_OUTSTANDING = 20_000

/**
 * Drives a profile of load against a service and waits until the last request ended, at most the
 * request time-out longer. Latency counts from when a request was due. Never retries.
 */
export async function runLoad(options: LoadOptions): Promise<LoadResult> {
  const seconds = profileSeconds(options.profile)
  const run = new OpenRun(options)
  await run.untilDone()
  return { ...run.tally.totals(), seconds: run.tally.seconds(seconds), maxLagMs: run.maxLagMs }
}

class OpenRun {
  readonly tally = new Tally()
  maxLagMs = 0
  readonly #options: LoadOptions
  readonly #sender: Sender
  readonly #arrivals: Iterator<Arrival, void>
  readonly #live = new LiveView()
  /** Outstanding requests in the order they were due, with the way to give each up. */
  readonly #outstanding = new Map<Arrival, () => void>()
  #startMs = 0
  #finish: () => void = () => {}
  readonly #abort = (): void => this.#end()
  #next: Arrival | undefined
  #wakeTimer: NodeJS.Timeout | undefined
  #secondTimer: NodeJS.Timeout | undefined
  #second = 0
  #done = false

  constructor(options: LoadOptions) {
    const { profile, seed, faultRatio = FAULT_RATIO, postRatio = POST_RATIO } = options
    this.#options = options
    this.#sender = openSender(options.target)
    this.#arrivals = arrivals(profile, { faultRatio, postRatio }, seeded(seed))
  }

  untilDone(): Promise<void> {
    return new Promise((resolve) => {
      const { signal } = this.#options
      this.#finish = resolve
      this.#startMs = performance.now()
      if (signal?.aborted) return this.#end()
      signal?.addEventListener('abort', this.#abort, { once: true })
      this.#next = this.#arrivals.next().value ?? undefined
      this.#scheduleSecond()
      this.#wake()
    })
  }

  #nowMs(): number {
    return performance.now() - this.#startMs
  }

  /** Starts all that is due: a timer may be late, the requests are then no fewer. */
  #wake(): void {
    let nowMs = this.#nowMs()
    while (this.#next !== undefined && this.#next.dueMs <= nowMs) {
      this.#start(this.#next, nowMs)
      this.#next = this.#arrivals.next().value ?? undefined
      nowMs = this.#nowMs()
    }
    if (this.#next === undefined) this.#endWhenDone()
    else this.#wakeTimer = setTimeout(() => this.#wake(), this.#next.dueMs - nowMs)
  }

  #start(arrival: Arrival, nowMs: number): void {
    this.maxLagMs = Math.max(this.maxLagMs, nowMs - arrival.dueMs)
    this.tally.due(arrival)
    if (this.#outstanding.size >= (this.#options.maxOutstanding ?? MAX_OUTSTANDING)) {
      const ending = { kind: 'error', reason: TOO_MANY_OUTSTANDING } as const
      this.#live.end(arrival, ending, this.tally.end(arrival, ending, nowMs))
      return
    }
    const giveUp = this.#sender.send(arrival.shot, (ending) => {
      this.#outstanding.delete(arrival)
      this.#live.end(arrival, ending, this.tally.end(arrival, ending, this.#nowMs()))
      this.#endWhenDone()
    })
    this.#outstanding.set(arrival, giveUp)
  }

  #scheduleSecond(): void {
    // The watcher may have ended the run from within its call.
    if (this.#done) return
    const delayMs = (this.#second + 1) * 1_000 - this.#nowMs()
    this.#secondTimer = setTimeout(() => this.#turnSeconds(), delayMs)
  }

  #turnSeconds(): void {
    while ((this.#second + 1) * 1_000 <= this.#nowMs()) {
      const oldest = this.#outstanding.keys().next().value
      const view = this.#live.turn({
        second: this.#second,
        rps: this.tally.dueIn(this.#second),
        inFlight: this.#outstanding.size,
        oldestMs: oldest === undefined ? undefined : this.#nowMs() - oldest.dueMs,
      })
      this.#second += 1
      this.#options.onSecond?.(view)
    }
    this.#scheduleSecond()
  }

  #endWhenDone(): void {
    if (this.#next !== undefined || this.#outstanding.size > 0) return
    // The profile may end in a lull: the run lasts as long as it says all the same.
    const restMs = profileSeconds(this.#options.profile) * 1_000 - this.#nowMs()
    clearTimeout(this.#wakeTimer)
    if (restMs <= 0) this.#end()
    else this.#wakeTimer = setTimeout(() => this.#endWhenDone(), restMs)
  }

  #end(): void {
    this.#done = true
    clearTimeout(this.#wakeTimer)
    clearTimeout(this.#secondTimer)
    this.#options.signal?.removeEventListener('abort', this.#abort)
    for (const giveUp of this.#outstanding.values()) giveUp()
    this.#outstanding.clear()
    this.#next = undefined
    this.#sender.close()
    this.#finish()
  }
}
