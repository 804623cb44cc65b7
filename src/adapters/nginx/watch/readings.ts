// What each group carries, out of NGINX's exact totals, the access log's ratios and the kernel's
// count of connections.
import { type BalancerCounters, LATENCY_BOUNDS_MS } from '../../../core/ports.ts'
import type { Counters } from '../control.ts'
import type { Reach } from '../state.ts'
import type { Logged } from './access-log.ts'

/** A group as it is at a sample. */
export interface Share {
  readonly group: string
  readonly reach: Reach
  /** Connections to its targets: an upper bound of its requests in flight. */
  readonly connections: number
}

interface Tally {
  requests: number
  inFlight: number
  inFlightMs: number
  retried: number
  /** Lines and tries of the log since the last sample. */
  lines: number
  tries: number
  /** Requests beyond the sample that lines of the fixed share stand for. */
  shares: number
  readonly ended: Record<'ok' | 'client' | 'server' | 'badGateway' | 'shed', number>
  readonly latency: number[]
}

/** Counters of all groups since this controller began to look. */
export class Readings {
  readonly #tallies = new Map<string, Tally>()
  #last: { readonly requests: number; readonly atMs: number } | undefined

  /** A line of the access log. */
  logged(line: Logged): void {
    const tally = this.#of(line.group)
    tally.shares += line.share
    if (!line.isSampled) return
    tally.lines += 1
    tally.tries += line.tries
    tally.retried += Math.max(0, line.tries - 1)
    if (line.ending === undefined) return
    tally.ended[line.ending] += 1
    if (line.status === 101) return
    const bucket = bucketOf(line.seconds * 1000)
    tally.latency[bucket] = (tally.latency[bucket] ?? 0) + 1
  }

  /**
   * NGINX's totals at a moment. `requests` is without our own questions. With one group its figures
   * are exact; with several the totals are split by the log and by connections.
   */
  sample(totals: Counters, shares: readonly Share[], atMs: number): void {
    const last = this.#last ?? { requests: totals.requests, atMs }
    this.#last = { requests: totals.requests, atMs }
    const arrived = Math.max(0, totals.requests - last.requests)
    const parts = shares.map((share) => ({ share, tally: this.#of(share.group) }))
    for (const { tally } of parts) tally.inFlightMs += tally.inFlight * (atMs - last.atMs)
    spread(arrived, parts.map(byLog), (part, requests) => {
      part.tally.requests += requests
    })
    for (const { tally } of parts) tally.inFlight = 0
    spread(totals.busy, parts.map(byConnections), (part, busy) => {
      part.tally.inFlight = busy
    })
    for (const { tally } of parts) {
      tally.lines = 0
      tally.tries = 0
      tally.shares = 0
    }
  }

  /** What is known of a group; all zero at first. */
  counters(group: string): BalancerCounters {
    const tally = this.#of(group)
    const { retried, inFlightMs } = tally
    return {
      requests: Math.round(tally.requests),
      ...tally.ended,
      retried,
      inFlight: Math.round(tally.inFlight),
      waiting: 0,
      inFlightMs,
      latency: [...tally.latency],
    }
  }

  #of(group: string): Tally {
    const known = this.#tallies.get(group)
    if (known) return known
    const tally: Tally = {
      ...{ requests: 0, inFlight: 0, inFlightMs: 0, retried: 0, lines: 0, tries: 0, shares: 0 },
      ended: { ok: 0, client: 0, server: 0, badGateway: 0, shed: 0 },
      latency: new Array<number>(LATENCY_BOUNDS_MS.length + 1).fill(0),
    }
    this.#tallies.set(group, tally)
    return tally
  }
}

interface Part {
  readonly share: Share
  readonly tally: Tally
}

interface Weighed {
  readonly part: Part
  /** How much of the group's own there was. */
  readonly own: number
  /** How often NGINX counts one of them: a forwarder counts each try once more. */
  readonly each: number
}

function byLog(part: Part): Weighed {
  const { share, tally } = part
  const isForwarded = share.reach === 'forwarded'
  if (tally.lines + tally.shares === 0)
    return { part, own: share.connections, each: isForwarded ? 2 : 1 }
  // In a flood there are fewer lines than requests.
  const own = tally.lines + tally.shares
  const triesEach = tally.lines === 0 ? 1 : tally.tries / tally.lines
  return { part, own, each: isForwarded ? 1 + triesEach : 1 }
}

function byConnections(part: Part): Weighed {
  const { reach, connections } = part.share
  return { part, own: connections, each: reach === 'forwarded' ? 2 : 1 }
}

function spread(total: number, weighed: readonly Weighed[], give: (part: Part, n: number) => void) {
  const [only] = weighed
  if (only && weighed.length === 1) {
    give(only.part, total / only.each)
    return
  }
  const sum = weighed.reduce((all, { own, each }) => all + own * each, 0)
  if (sum > 0) for (const { part, own } of weighed) give(part, (total * own) / sum)
}

function bucketOf(latencyMs: number): number {
  const found = LATENCY_BOUNDS_MS.findIndex((bound) => bound >= latencyMs)
  return found === -1 ? LATENCY_BOUNDS_MS.length : found
}
