// The closed-loop generator: a fixed number of requests in flight, for counting failures.
import { setTimeout as sleep } from 'node:timers/promises'
import type { Cancel } from '../../core/ports.ts'
import { seeded } from '../random.ts'
import type { Ending } from './answer.ts'
import { drawShot, type Mix } from './arrivals.ts'
import { openSender } from './send.ts'
import { type Asked, Tally, type Totals } from './tally.ts'

/** A load that asks again as soon as it is answered. */
export interface ClosedOptions extends Mix {
  /** `http:` URL of the service; its path is ignored. */
  readonly target: URL
  /** Requests kept in flight. */
  readonly inFlight: number
  readonly seed: number
  /** Stop after this many; without it, run until the signal. */
  readonly requests?: number
  /** Starts no further request; those in flight still come back and count. */
  readonly signal?: Cancel
  /** Called with the number that ended so far, after each. */
  readonly onEnd?: (ended: number) => void
}

// A refused connection fails in no time: without a pause the loop would count nothing else.
const PAUSE_AFTER_ERROR_MS = 20

/** Runs until the number is reached or the signal given, then waits for those in flight. */
export async function runClosed(options: ClosedOptions): Promise<Totals> {
  const { target, inFlight, requests = Infinity, signal } = options
  const random = seeded(options.seed)
  const sender = openSender(target)
  const tally = new Tally()
  const startMs = performance.now()
  let started = 0
  let ended = 0

  const one = (): Promise<Ending> => {
    started += 1
    const shot = drawShot(options, random)
    const asked: Asked = { dueMs: performance.now() - startMs, shot }
    tally.due(asked)
    return new Promise((resolve) => {
      sender.send(shot, (ending) => {
        tally.end(asked, ending, performance.now() - startMs)
        ended += 1
        options.onEnd?.(ended)
        resolve(ending)
      })
    })
  }
  const lane = async (): Promise<void> => {
    while (started < requests && !signal?.aborted) {
      const { kind } = await one()
      if (kind === 'error') await sleep(PAUSE_AFTER_ERROR_MS)
    }
  }
  await Promise.all(Array.from({ length: inFlight }, lane))
  sender.close()
  return tally.totals()
}
