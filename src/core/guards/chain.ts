// What is allowed of what policies want, in order. The chain is the explanation, so each guard is
// one entry.
import { budgetLimit } from '../budget.ts'
import { type GroupContext, type Guard, numberOf, round1 } from '../context.ts'
import type { Adjustment } from '../model.ts'

/** The host counts as full from this CPU on, percent of all cores over about ten seconds. */
export const HOST_FULL_PERCENT = 95

/** From this share of the machine on it is the group itself that fills it. */
const HOST_OWN_SHARE = 0.25

/** Share of responses that may fail where the file does not say. */
const ERRORS_SHARE = 0.05
/** Fewer failed ones than these within the window tell nothing. */
const LEAST_ERRORS = 3

/** Names and guards, in the order they are asked. */
export const GUARDS: readonly (readonly [name: string, guard: Guard])[] = [
  ['hold', hold],
  ['blind', blind],
  ['errors', errors],
  ['outage', outage],
  ['settle', settle],
  ['store', store],
  ['host', host],
  ['step', step],
  ['cooldown', cooldown],
  ['bounds', bounds],
  ['budget', budget],
]

/** The guards that bind a person's own wish too. */
export const MANUAL_GUARDS: readonly (readonly [name: string, guard: Guard])[] = [
  ['bounds', bounds],
  ['budget', budget],
]

function adjust(guard: string, from: number, to: number, reason: string): Adjustment | undefined {
  return from === to ? undefined : { guard, from, to, reason }
}

function hold(wanted: number, c: GroupContext): Adjustment | undefined {
  const held = c.memory.hold
  if (held === undefined || held.untilMs <= c.nowMs) return undefined
  const seconds = Math.ceil((held.untilMs - c.nowMs) / 1000)
  return adjust('hold', wanted, c.current, `held by ${held.by} for another ${seconds} s`)
}

// An outage of the readings looks like low load; it must never take instances away.
function blind(
  wanted: number,
  c: GroupContext,
  recommendations: Parameters<Guard>[2],
): Adjustment | undefined {
  if (wanted >= c.current) return undefined
  const missing = recommendations.find((r) => r.kind === 'abstain' && r.blind)
  if (c.seen.status.kind === 'unknown') {
    return adjust(
      'blind',
      wanted,
      c.current,
      `the instances can't be seen: ${c.seen.status.fault.message}`,
    )
  }
  if (missing === undefined) return undefined
  return adjust(
    'blind',
    wanted,
    c.current,
    `no scale-in without ${missing.policy} (${missing.reason})`,
  )
}

// Clients that get errors ask less: an outage looks like low load.
function errors(wanted: number, c: GroupContext): Adjustment | undefined {
  const { errorsRatio, badGatewayRatio, responses } = c.seen.readings
  const share = numberOf(errorsRatio)
  if (wanted >= c.current || share === undefined) return undefined
  const most = c.group.slo.errorsRatio
  const isOver = most === undefined ? share >= ERRORS_SHARE : share > most
  const count = responses === undefined ? undefined : numberOf(responses)
  if (!isOver || (count !== undefined && share * count < LEAST_ERRORS)) return undefined
  const bad = badGatewayRatio === undefined ? undefined : numberOf(badGatewayRatio)
  const gateway = bad !== undefined && bad > 0 ? `, ${percent(bad)} by a 502 or 504` : ''
  const reason = `no scale-in while ${percent(share)} of responses fail${gateway} (${percent(most ?? ERRORS_SHARE)} may): that looks like low load, and is none`
  return adjust('errors', wanted, c.current, reason)
}

function percent(share: number): string {
  return `${Math.round(share * 1_000) / 10} %`
}

// What all instances lack, one more lacks too. Once checks pass again, scale-out is free at once.
function outage(wanted: number, c: GroupContext): Adjustment | undefined {
  const now = c.memory.outage
  if (now === undefined) return undefined
  if (wanted < c.current) return adjust('outage', wanted, c.current, now.reason)
  if (now.cause !== 'shared' || now.calmSinceMs !== undefined) return undefined
  return adjust('outage', wanted, c.current, now.reason)
}

// The largest want of the window stands (the HPA's scale-down stabilization does the same).
function settle(wanted: number, c: GroupContext): Adjustment | undefined {
  if (wanted >= c.current) return undefined
  const { settleMs } = c.group.scaling
  const since = c.nowMs - settleMs
  const oldest = c.memory.wants[0]
  if (c.starting.length > 0)
    return adjust('settle', wanted, c.current, 'instances are still starting')
  if (oldest === undefined || oldest.atMs > since) {
    const seconds = round1(settleMs / 1000)
    return adjust('settle', wanted, c.current, `fewer were not yet wanted for ${seconds} s`)
  }
  let most = wanted
  for (const w of c.memory.wants) if (w.atMs >= since) most = Math.max(most, w.instances)
  const to = Math.min(c.current, most)
  if (to === wanted) return undefined
  const seconds = round1(settleMs / 1000)
  return adjust('settle', wanted, to, `${to} were still wanted within the last ${seconds} s`)
}

function store(wanted: number, c: GroupContext): Adjustment | undefined {
  if (wanted >= c.current || c.observation.storeWritable) return undefined
  return adjust('store', wanted, c.current, 'no scale-in while ticks can not be stored')
}

// A group that fills the machine gains nothing from more instances here. Where others fill it, and
// the group's own instances wait rather than compute, more of them still help.
function host(wanted: number, c: GroupContext): Adjustment | undefined {
  const cpu = numberOf(c.observation.hostCpuPercent)
  if (cpu === undefined || cpu < HOST_FULL_PERCENT) return undefined
  const mean = numberOf(c.seen.readings.cpuPercent)
  const own = mean === undefined ? undefined : mean * c.ready.length
  const capacity = c.observation.hostCores * 100
  if (own !== undefined && own < capacity * HOST_OWN_SHARE) return undefined
  const share = own === undefined ? '' : `, ${Math.round(own)} of ${capacity} by this group`
  const reason = `this machine is full (CPU ${Math.round(cpu)} %${share}): more instances can't help here`
  return adjust('host', wanted, c.current, reason)
}

// Out: at most three times as many, or four more. In: at most half of them at a time.
function step(wanted: number, c: GroupContext): Adjustment | undefined {
  const most = Math.max(c.current + 4, c.current * 3)
  const least = c.current - Math.max(1, Math.floor(c.current / 2))
  const to = Math.min(most, Math.max(least, wanted))
  if (to === wanted) return undefined
  const reason = to < wanted ? `at most ${most} in one step` : `at least ${least} stay in one step`
  return adjust('step', wanted, to, reason)
}

function cooldown(wanted: number, c: GroupContext): Adjustment | undefined {
  const last = c.memory.scaledOutAtMs
  if (wanted <= c.current || last === undefined) return undefined
  const left = c.group.scaling.cooldownMs - (c.nowMs - last)
  if (left <= 0) return undefined
  const reason = `the last scale-out was ${round1((c.nowMs - last) / 1000)} s ago`
  return adjust('cooldown', wanted, c.current, reason)
}

function bounds(wanted: number, c: GroupContext): Adjustment | undefined {
  const { minInstances, maxInstances } = c.group.scaling
  if (wanted > maxInstances) {
    return adjust('bounds', wanted, maxInstances, `max_instances is ${maxInstances}`)
  }
  if (wanted < minInstances) {
    return adjust('bounds', wanted, minInstances, `min_instances is ${minInstances}`)
  }
  return undefined
}

// A budget stops scale-out; it never scales in what runs already.
function budget(wanted: number, c: GroupContext): Adjustment | undefined {
  const world = { observation: c.observation, memory: c.memories }
  const limit = budgetLimit(c.spec, c.group, world)
  if (limit === undefined || wanted <= limit.instances) return undefined
  const to = Math.max(limit.instances, Math.min(wanted, c.current))
  return adjust('budget', wanted, to, limit.reason)
}
