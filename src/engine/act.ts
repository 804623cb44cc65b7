// Carries out a plan: one Outcome per action, and the balancer's targets brought in line at the
// end.
import { instancesOf, seenIn } from '../core/context.ts'
import { fault } from '../core/errors.ts'
import type {
  Action,
  Fault,
  GroupSpec,
  Instance,
  Observation,
  Outcome,
  Plan,
  Spec,
} from '../core/model.ts'
import type { Balancer, BalancerGroup, BalancerStatus, Clock, Provider } from '../core/ports.ts'
import { withDeadline } from './deadline.ts'

const ACTION_MS = 10_000
const BALANCER_START_MS = 10_000
/** A balancer may let clients leave before it changes, and takes back what it can't prove. */
const CONFIGURE_MS = 10_000
const RETRY_MOST_MS = 30_000

/** What a plan is carried out with. */
export interface Actors {
  readonly provider: Provider
  readonly balancer: Balancer
  readonly clock: Clock
}

interface Turn {
  readonly spec: Spec
  readonly plan: Plan
  readonly observation: Observation
  readonly balancer: BalancerStatus
  /** False when the plan could not be stored: nothing is taken out of rotation then. */
  readonly stored: boolean
}

type Started = Extract<Action, { kind: 'start-balancer' }>
type OfInstance = Exclude<Action, Started>
type Groups = ReadonlyMap<string, GroupSpec>

/** Remembers what the balancer was last told, so that it is told again only when that changes. */
export class Actor {
  readonly #actors: Actors
  #told = ''
  /** A balancer that does not start is tried again later and later. */
  #failures = 0
  #retryAtMs = 0

  constructor(actors: Actors) {
    this.#actors = actors
  }

  async act(turn: Turn): Promise<readonly Outcome[]> {
    const outcomes = new Map<Action, Outcome>()
    for (const action of turn.plan.actions) {
      if (action.kind === 'start-balancer') outcomes.set(action, await this.#startBalancer(action))
    }
    const own = turn.plan.actions.filter((a): a is OfInstance => a.kind !== 'start-balancer')
    const groups: Groups = new Map(turn.spec.groups.map((g) => [g.name, g]))
    await Promise.all(own.map(async (a) => outcomes.set(a, await this.#one(a, groups, turn))))
    const failure = await this.#syncBalancer(turn, outcomes)
    for (const action of own) {
      const rotates = action.kind === 'admit' || action.kind === 'drain'
      const applied = outcomes.get(action)?.kind === 'applied'
      if (rotates && applied && failure)
        outcomes.set(action, { kind: 'failed', action, fault: failure })
    }
    return turn.plan.actions.flatMap((a) => outcomes.get(a) ?? [])
  }

  async #startBalancer(action: Action): Promise<Outcome> {
    const { balancer, clock } = this.#actors
    if (clock.monotonic() < this.#retryAtMs) {
      const reason = `it failed to start ${this.#failures} times; the next try is put off`
      return { kind: 'skipped', action, reason }
    }
    this.#told = ''
    const failure = await withDeadline(clock, 'starting the balancer', BALANCER_START_MS, (s) => {
      return balancer.start(s)
    }).catch((error: Error) => fault('E_TIMEOUT', error.message, true))
    this.#failures = failure === undefined ? 0 : this.#failures + 1
    // The first retry comes at once: a killed balancer must be back within two seconds.
    const waitMs = this.#failures < 2 ? 0 : Math.min(RETRY_MOST_MS, 1_000 * 2 ** this.#failures)
    this.#retryAtMs = clock.monotonic() + waitMs
    return failure ? { kind: 'failed', action, fault: failure } : { kind: 'applied', action }
  }

  async #one(action: OfInstance, groups: Groups, turn: Turn): Promise<Outcome> {
    const group = groups.get(action.group)
    if (group === undefined) return { kind: 'skipped', action, reason: 'the group is gone' }
    if (action.kind === 'admit') return { kind: 'applied', action }
    if (!turn.stored && takesAway(action, turn.observation)) {
      return { kind: 'skipped', action, reason: 'the plan could not be stored' }
    }
    try {
      return await withDeadline(this.#actors.clock, action.kind, ACTION_MS, (s) => {
        return this.#actors.provider.apply(action, group, s)
      })
    } catch (error) {
      return failed(action, error)
    }
  }

  // Declarative: the complete list, from what the provider says now.
  async #syncBalancer(turn: Turn, outcomes: Map<Action, Outcome>): Promise<Fault | undefined> {
    const served = turn.spec.groups.filter((g) => g.http !== undefined)
    const started = [...outcomes.values()].some((o) => {
      return o.action.kind === 'start-balancer' && o.kind === 'applied'
    })
    if (served.length === 0) return undefined
    if (turn.balancer.kind === 'down' && !started) return turn.balancer.fault
    try {
      const rotation = rotationOf(turn)
      const groups = await Promise.all(served.map((g) => this.#groupFor(g, turn, rotation)))
      const startId = turn.balancer.kind === 'up' ? turn.balancer.startId : 'new'
      const telling = JSON.stringify([startId, groups])
      if (telling === this.#told) return undefined
      const failure = await withDeadline(this.#actors.clock, 'configure', CONFIGURE_MS, (s) => {
        return this.#actors.balancer.configure(groups, s)
      })
      this.#told = failure === undefined ? telling : ''
      return failure
    } catch (error) {
      this.#told = ''
      return fault('E_BALANCER', (error as Error).message, true)
    }
  }

  // Where nothing was done, what the turn began with still holds; whoever could not be told
  // before is told what is there now.
  async #instancesOf(group: GroupSpec, { observation }: Turn, rotation: Rotation) {
    const isAsBefore = this.#told !== '' && !rotation.touched.has(group.name)
    const seen = isAsBefore ? seenIn(observation, group.name) : undefined
    if (seen?.status.kind === 'known') return seen.status.instances
    const { provider, clock } = this.#actors
    const status = await withDeadline(clock, 'the provider', ACTION_MS, (s) =>
      provider.observe(group, s),
    )
    if (status.kind === 'unknown') throw new Error(status.fault.message)
    return status.instances
  }

  async #groupFor(group: GroupSpec, turn: Turn, rotation: Rotation): Promise<BalancerGroup> {
    const instances = await this.#instancesOf(group, turn, rotation)
    const ports = await this.#actors.provider.ports?.(group)
    const http = group.http
    if (http === undefined) throw new Error(`${group.name} serves no HTTP`)
    const { listen, balance, health, maxInFlight, queueTimeoutMs } = http
    const { maxBodyBytes, timeoutMs, trustForwarded, hostnames, tls, members } = http
    return {
      group: group.name,
      ...{ listen, balance, maxInFlight, queueTimeoutMs, maxBodyBytes, timeoutMs, trustForwarded },
      ...(health === undefined ? {} : { health }),
      ...(hostnames === undefined ? {} : { hostnames }),
      ...(tls === undefined ? {} : { tls }),
      ...(members === undefined ? {} : { members }),
      // A roll starts one more before an old one leaves.
      maxTargets: group.scaling.maxInstances + 1,
      ...(ports === undefined ? {} : { ports }),
      targets: instances.flatMap((i) => targetOf(i, rotation)),
    }
  }
}

// Out of rotation, or ended before it got there. What is drained already may end all the same.
function takesAway(action: OfInstance, observation: Observation): boolean {
  if (action.kind !== 'stop') return action.kind === 'drain'
  const seen = seenIn(observation, action.group)
  const instances = seen === undefined ? [] : instancesOf(seen)
  return instances.some((i) => i.id === action.instance && i.phase === 'starting')
}

/** Who is in rotation, or is to be by this plan. */
interface Rotation {
  /** Groups in which something was done. */
  readonly touched: ReadonlySet<string>
  readonly instances: ReadonlySet<string>
  /** A balancer that was just started begins with everything that is ready. */
  readonly isFresh: boolean
}

function rotationOf({ plan, observation }: Turn): Rotation {
  const instances = new Set<string>()
  const touched = new Set<string>()
  for (const action of plan.actions) {
    if (action.kind === 'start-balancer') continue
    touched.add(action.group)
    if (action.kind === 'admit') instances.add(action.instance)
  }
  for (const { balancer } of observation.groups) {
    if (balancer?.kind === 'up') for (const t of balancer.targets) instances.add(t.instance)
  }
  return { touched, instances, isFresh: plan.actions.some((a) => a.kind === 'start-balancer') }
}

function targetOf(instance: Instance, rotation: Rotation): BalancerGroup['targets'] {
  const { id, host, port, socket, phase } = instance
  const base = { instance: id, host, port, ...(socket === undefined ? {} : { socket }) }
  if (phase === 'draining' || phase === 'stopping') return [{ ...base, state: 'draining' }]
  if (phase !== 'ready') return []
  const serves = rotation.isFresh || rotation.instances.has(id)
  return serves ? [{ ...base, state: 'active' }] : []
}

function failed(action: Action, error: unknown): Outcome {
  return { kind: 'failed', action, fault: fault('E_TIMEOUT', (error as Error).message, true) }
}
