// One group's instances and the requests that want one: admission, choice, room, health.
import type { TargetStatus } from '../../../core/model.ts'
import type { BalancerCounters, BalancerGroup, BalancerTarget } from '../../../core/ports.ts'
import { choose } from './choose.ts'
import { Counters } from './counters.ts'
import { HealthCheck, type Verdict } from './health.ts'
import { Target } from './target.ts'
import { type Waiter, WaitingRoom } from './waiting-room.ts'

/** Requests that may wait for an instance at once. */
const WAITING_LIMIT = 10_000

/** A request that wants an instance. */
export interface Seeker extends Waiter {
  /** Instances that failed it already. */
  readonly tried: readonly Target[]
  /** Called once it may go to `target`; it must `release` that target exactly once. */
  dispatch(target: Target): void
}

/** What a group tells the process about. */
export interface GroupEvents {
  /** A target's health changed, or a draining one became idle. */
  changed(): void
  log(line: string): void
}

/** A group of interchangeable instances behind one listening address. */
export class Group {
  readonly counters = new Counters(performance.now())
  config: BalancerGroup
  /** Accepts no more: responses close their connections. */
  closing = false
  /** The group is gone: requests on connections that are left are shed at once. */
  #closed = false
  #targets: Target[] = []
  #cursor = 0
  readonly #checks = new Map<Target, HealthCheck>()
  readonly #waiting = new WaitingRoom<Seeker>(WAITING_LIMIT)
  readonly #events: GroupEvents

  constructor(config: BalancerGroup, events: GroupEvents) {
    this.config = config
    this.#events = events
    this.configure(config)
  }

  /**
   * Makes `config` hold: adds, drains and removes targets, and hands waiting requests to new ones.
   */
  configure(config: BalancerGroup): void {
    const recheck = config.health !== this.config.health
    this.config = config
    const before = this.#targets
    this.#targets = config.targets.map((wanted) => this.#keepOrAdd(wanted, before))
    for (const target of before) if (!this.#targets.includes(target)) this.#remove(target)
    if (recheck) {
      for (const target of this.#targets) {
        this.#checks.get(target)?.stop()
        this.#watch(target)
      }
    }
    this.#dispatchWaiting()
  }

  /** Gives the request an instance now, or a place in the waiting room. False when that is full. */
  seat(seeker: Seeker): boolean {
    if (this.#closed) return false
    const target = this.#waiting.size === 0 ? this.#take(seeker) : undefined
    if (!target) return this.#waiting.enter(seeker, this.config.queueTimeoutMs)
    seeker.dispatch(target)
    return true
  }

  /** The request went away while it waited. */
  unseat(seeker: Seeker): void {
    this.#waiting.leave(seeker)
  }

  /** A target is done with one request. */
  release(target: Target): void {
    target.inFlight -= 1
    if (target.state === 'draining' && target.inFlight === 0) this.#events.changed()
    this.#dispatchWaiting()
  }

  /** A live request found that nobody listens there: out of rotation until a check passes. */
  refused(target: Target): void {
    target.refused = true
    this.#judge(target, {
      failure: 'refused',
      reason: 'a request found the connection refused',
    })
  }

  targetStatus(): TargetStatus[] {
    return this.#targets.map((target) => target.status())
  }

  readCounters(): BalancerCounters {
    return this.counters.read(performance.now(), this.#waiting.size)
  }

  /** Serves no more: waiting requests are shed, idle connections closed, checks ended. */
  close(): void {
    this.closing = true
    this.#closed = true
    this.#waiting.clear()
    for (const target of this.#targets) this.#remove(target)
  }

  #keepOrAdd(wanted: BalancerTarget, before: readonly Target[]): Target {
    const known = before.find((target) => target.instance === wanted.instance)
    if (known?.isAt(wanted)) {
      known.state = wanted.state
      return known
    }
    const added = new Target(wanted)
    this.#watch(added)
    return added
  }

  #watch(target: Target): void {
    const path = this.config.health
    const checked = path === undefined ? { at: target.at } : { at: target.at, path }
    this.#checks.set(target, new HealthCheck(checked, (verdict) => this.#judge(target, verdict)))
  }

  #remove(target: Target): void {
    this.#checks.get(target)?.stop()
    this.#checks.delete(target)
    target.reusing.keepIdle(false)
  }

  #judge(target: Target, { reason, failure }: Verdict): void {
    if (!target.judge(reason, failure)) return
    const word = failure === undefined ? 'healthy' : 'unhealthy'
    this.#events.log(`${this.config.group}: ${target.instance} is ${word}: ${reason}`)
    this.#events.changed()
    this.#dispatchWaiting()
  }

  #take(seeker: Seeker): Target | undefined {
    const { balance, maxInFlight } = this.config
    const index = choose({
      targets: this.#targets,
      balance,
      maxInFlight,
      cursor: this.#cursor,
      tried: seeker.tried,
    })
    const target = this.#targets[index]
    if (!target) return undefined
    this.#cursor = (index + 1) % this.#targets.length
    target.inFlight += 1
    return target
  }

  #dispatchWaiting(): void {
    for (let seeker = this.#waiting.first(); seeker; seeker = this.#waiting.first()) {
      const target = this.#take(seeker)
      if (!target) return
      this.#waiting.leave(seeker)
      seeker.dispatch(target)
    }
  }
}
