// The guards `errors` and `outage`: trouble looks like low load, and is none.
import { type GroupContext, numberOf } from '../context.ts'
import type { Adjustment, Reading } from '../model.ts'
import { adjust, percent } from './adjust.ts'

/** Share of responses that may fail where the file does not say. */
const ERRORS_SHARE = 0.05
/** Fewer failed ones than these within the window tell nothing. */
const LEAST_ERRORS = 3

/**
 * No scale-in while more responses fail than may, or while any are rejected for want of room:
 * clients that get errors ask less.
 */
export function errors(wanted: number, c: GroupContext): Adjustment | undefined {
  if (wanted >= c.current) return undefined
  return rejected(wanted, c) ?? failing(wanted, c)
}

function rejected(wanted: number, c: GroupContext): Adjustment | undefined {
  const { shedRatio, responses } = c.seen.readings
  const share = shared(shedRatio)
  if (share === undefined || share <= 0 || isFew(share, responses)) return undefined
  return adjust('errors', wanted, c.current, () => {
    return `no scale-in while ${percent(share)} of responses are a 503 for want of room`
  })
}

function failing(wanted: number, c: GroupContext): Adjustment | undefined {
  const { errorsRatio, badGatewayRatio, responses } = c.seen.readings
  const share = numberOf(errorsRatio)
  const most = c.group.slo.errorsRatio
  if (share === undefined || isFew(share, responses)) return undefined
  if (most === undefined ? share < ERRORS_SHARE : share <= most) return undefined
  return adjust('errors', wanted, c.current, () => {
    const bad = shared(badGatewayRatio) ?? 0
    const gateway = bad > 0 ? `, ${percent(bad)} by a 502 or 504` : ''
    return `no scale-in while ${percent(share)} of responses fail${gateway} (${percent(most ?? ERRORS_SHARE)} may): that looks like low load, and is none`
  })
}

function shared(reading: Reading | undefined): number | undefined {
  return reading === undefined ? undefined : numberOf(reading)
}

function isFew(share: number, responses: Reading | undefined): boolean {
  const count = shared(responses)
  return count !== undefined && share * count < LEAST_ERRORS
}

/**
 * What all instances lack, one more lacks too: no change while a shared cause lasts, no scale-in
 * while they are full. Once checks pass again, scale-out is free at once.
 */
export function outage(wanted: number, c: GroupContext): Adjustment | undefined {
  const now = c.memory.outage
  if (now === undefined) return undefined
  const isHeld = now.cause === 'shared' && now.calmSinceMs === undefined
  if (wanted >= c.current && !isHeld) return undefined
  return adjust('outage', wanted, c.current, () => now.reason)
}
