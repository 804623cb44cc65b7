// One instance as the balancer sees it: where it is, whether it takes requests, how many it has.

import type { CheckFailure } from '../../../core/health/model.ts'
import { Recent } from '../../../core/health/recent.ts'
import type { TargetStatus } from '../../../core/model.ts'
import type { BalancerTarget } from '../../../core/ports.ts'
import { type Place, UpstreamAgent } from './upstream-agent.ts'

/** One instance of a group. Starts as healthy: only ready instances are admitted. */
export class Target {
  readonly instance: string
  readonly host: string
  readonly port: number
  #state: BalancerTarget['state']
  /** Requests that it was given and that are not over, tunnels included. */
  inFlight = 0
  healthy = true
  /** A live request found nobody listening, and no check has passed since. */
  refused = false
  /** Keeps idle connections; only for requests that may be sent again. */
  readonly reusing: UpstreamAgent
  /** A new connection for each request. */
  readonly fresh: UpstreamAgent
  readonly #socket: string | undefined
  /** What became of its requests lately. */
  readonly recent = new Recent()
  #failure: CheckFailure | undefined
  #healthSinceMs = Date.now()
  #healthReason = 'admitted as ready'

  constructor(target: BalancerTarget) {
    this.instance = target.instance
    this.host = target.host
    this.port = target.port
    this.#socket = target.socket
    this.#state = target.state
    this.reusing = new UpstreamAgent(this.at, true)
    this.fresh = new UpstreamAgent(this.at, false)
  }

  /** Where it is connected to. */
  get at(): Place {
    const { host, port } = this
    return this.#socket === undefined ? { host, port } : { path: this.#socket }
  }

  get state(): BalancerTarget['state'] {
    return this.#state
  }

  /** Idle connections are of no use while it drains, and would only hold it up. */
  set state(state: BalancerTarget['state']) {
    this.#state = state
    this.reusing.keepIdle(state === 'active')
  }

  /** Notes a verdict: `failure` is how a check failed, if it did. Returns whether that is news. */
  judge(reason: string, failure?: CheckFailure): boolean {
    const healthy = failure === undefined
    if (healthy) this.refused = false
    this.#failure = failure
    if (this.healthy === healthy) return false
    this.healthy = healthy
    this.#healthSinceMs = Date.now()
    this.#healthReason = reason
    return true
  }

  status(): TargetStatus {
    return {
      instance: this.instance,
      state: this.#state,
      health: this.healthy ? 'healthy' : 'unhealthy',
      healthSinceMs: this.#healthSinceMs,
      healthReason: this.#healthReason,
      ...(this.#failure === undefined ? {} : { check: this.#failure }),
      inFlight: this.inFlight,
      recent: this.recent.read(performance.now()),
    }
  }

  isAt(target: BalancerTarget): boolean {
    const isSocket = this.#socket === target.socket
    return isSocket && this.host === target.host && this.port === target.port
  }
}
