// The facts behind failing checks: who fails, how, and whether the instances are full.
import { numberOf, round1, targetIn } from '../context.ts'
import type {
  EpochMs,
  GroupMemory,
  GroupObservation,
  GroupSpec,
  Instance,
  TargetStatus,
} from '../model.ts'
import type { CheckFailure } from './model.ts'

/** In flight counts as full from this share of what one instance should carry. */
const FULL_SHARE = 0.9
/** A p99 this many times over the SLO is one of instances that are full. */
const LATE_TIMES = 2

/** One group at one instant, as far as its health is concerned. */
export interface Health {
  readonly group: GroupSpec
  readonly seen: GroupObservation
  readonly memory: GroupMemory
  readonly nowMs: EpochMs
}

/** An instance in rotation, and what the balancer says of it. */
export interface Checked {
  readonly instance: Instance
  readonly target: TargetStatus
}

/** Everything in rotation, and who of it passes or fails its check. */
export interface Checks {
  readonly all: readonly Checked[]
  readonly well: readonly Checked[]
  readonly failing: readonly Checked[]
}

/** The checks of a group; undefined where nobody can say: unknown is not well. */
export function checksOf(seen: GroupObservation): Checks | undefined {
  const { balancer, status } = seen
  if (balancer?.kind !== 'up' || status.kind === 'unknown') return undefined
  const all: Checked[] = []
  for (const instance of status.instances) {
    if (instance.phase !== 'ready') continue
    const target = targetIn(seen, instance.id)
    if (target?.state === 'active') all.push({ instance, target })
  }
  const failing = all.filter((c) => c.target.health === 'unhealthy')
  const well = failing.length === 0 ? all : all.filter((c) => c.target.health !== 'unhealthy')
  return { all, failing, well }
}

/** How a check failed; where nobody says, it was silent. */
export function failureOf(checked: Checked): CheckFailure {
  return checked.target.check ?? 'silent'
}

/** Why checks fail, in the words of the first of them, and how many other ways there are. */
export function whyFailing(failing: readonly Checked[]): string {
  const kinds = new Set(failing.map(failureOf))
  const first = failing[0]?.target.healthReason ?? 'unhealthy'
  return kinds.size > 1 ? `${first}, others otherwise` : first
}

/** Whether CPU says that the instances are full, and in which words. */
export function fullByCpu({ group, seen }: Health): string | undefined {
  const mean = numberOf(seen.readings.cpuPercent)
  const threshold = group.scaling.thresholdPercent
  if (mean === undefined || mean < threshold) return undefined
  return `CPU ${round1(mean)} % of a core, ${threshold} % is full`
}

/**
 * Whether those instances are full, and by which measure. Requests pile up behind a broken database
 * too, so where checks are answered, or nobody listens, only CPU tells.
 */
export function fullOf(
  health: Health,
  carrying: readonly Checked[],
  failing: readonly Checked[],
): string | undefined {
  const byCpu = fullByCpu(health)
  if (byCpu !== undefined) return byCpu
  const silent = failing.filter((c) => failureOf(c) === 'silent')
  if (silent.length * 2 <= failing.length) return undefined
  return fullByRequests(health, carrying, failing) ?? fullByLatency(health)
}

function fullByRequests(
  health: Health,
  carrying: readonly Checked[],
  failing: readonly Checked[],
): string | undefined {
  const { group, memory, nowMs } = health
  const signal = group.signals.find((s) => s.kind === 'in_flight')?.target
  const most = group.http?.maxInFlight ?? Number.POSITIVE_INFINITY
  const limit = Math.min(signal ?? Number.POSITIVE_INFINITY, most)
  if (!Number.isFinite(limit) || carrying.length === 0) return undefined
  const now = carrying.reduce((sum, c) => sum + c.target.inFlight, 0) / carrying.length
  // What fails takes nothing any more; what it carried just before is what made it fail.
  const since = Math.min(nowMs, ...failing.map((c) => c.target.healthSinceMs))
  const before = memory.outage === undefined ? memory.inFlightTrail : []
  const trail = before.filter((t) => t.atMs <= since).map((t) => t.value / carrying.length)
  const mean = Math.max(now, ...trail)
  return mean < limit * FULL_SHARE ? undefined : `${round1(mean)} in flight each, ${limit} is full`
}

function fullByLatency({ group, seen }: Health): string | undefined {
  const p99 = numberOf(seen.readings.p99Ms)
  const limit = group.slo.p99Ms
  if (p99 === undefined || limit === undefined || p99 < limit * LATE_TIMES) return undefined
  return `p99 ${Math.round(p99)} ms, ${limit} ms is the SLO`
}
