// Looks at NGINX and its targets: counters, connections, health, and whether it is there at all.
import { fault } from '../../../core/errors.ts'
import type { TargetStatus } from '../../../core/model.ts'
import type { BalancerStatus, BalancerTarget, Cancel, Clock } from '../../../core/ports.ts'
import { connectionsTo, type Installation } from '../installation.ts'
import { isRunning, type NginxIdentity, readIdentity } from '../process.ts'
import type { GroupState } from '../state.ts'
import type { Now } from '../targets/groups.ts'
import { AccessLog, type Logged } from './access-log.ts'
import { HealthCheck } from './health.ts'
import { Readings, type Share } from './readings.ts'
import { ownCounters, type Totals } from './totals.ts'
import { Tries } from './tries.ts'

/** How often the counters are read: in flight is averaged from these. */
const SAMPLE_MS = 200

interface Checking {
  readonly key: string
  readonly check: HealthCheck
}

/** See the file's head. */
export class Observer {
  readonly #installation: Installation
  readonly #clock: Clock
  readonly #listeners: (() => void)[] = []
  readonly #checks = new Map<string, Checking>()
  readonly #applyHealth: () => Promise<void>
  readonly #busyDrains = new Set<string>()
  readonly #tries = new Tries()
  readonly #totals: Totals
  /** As last looked at: lines come too often to read the state for each. */
  #groups: readonly GroupState[] = []
  #readings = new Readings()
  #log: AccessLog | undefined
  #timer: NodeJS.Timeout | undefined
  #master: NginxIdentity | undefined
  /** A log line told of a target that failed, which is worth a look at once. */
  #isSuspicious = false
  #applying: Promise<void> | undefined

  constructor(
    installation: Installation,
    clock: Clock,
    applyHealth: () => Promise<void>,
    totals: Totals = ownCounters(installation),
  ) {
    this.#installation = installation
    this.#clock = clock
    this.#applyHealth = applyHealth
    this.#totals = totals
  }

  onChange(listener: () => void): void {
    this.#listeners.push(listener)
  }

  tell(): void {
    for (const listener of this.#listeners) listener()
  }

  /** Follows the NGINX that runs; a newly started one is followed from zero. */
  adopt(): void {
    const master = readIdentity(this.#installation.paths.identity)
    if (master?.pid !== this.#master?.pid || master?.startTicks !== this.#master?.startTicks) {
      this.#readings = new Readings()
      this.#installation.follow(this.#installation.state())
      this.#log?.close()
      this.#log = undefined
    }
    this.#master = master
    if (!this.#log?.isOpen) {
      const { logPort: port, logToken: token } = this.#installation.state()
      this.#log?.close()
      this.#log = new AccessLog({ port, token }, (line) => this.#logged(line))
    }
    this.#totals.follow?.(this.#log)
    if (this.#timer) return
    this.#timer = setInterval(() => void this.#look(), SAMPLE_MS)
    this.#timer.unref()
  }

  close(): void {
    clearInterval(this.#timer)
    this.#timer = undefined
    this.#totals.letGo?.()
    this.#log?.close()
    this.#log = undefined
    this.#master = undefined
    for (const { check } of this.#checks.values()) check.stop()
    this.#checks.clear()
  }

  /** Checks exactly the targets of these groups from now on. */
  check(groups: readonly GroupState[]): void {
    this.#tries.keep(groups)
    this.#groups = groups
    const wanted = new Set<string>()
    for (const { group } of groups) {
      for (const target of group.targets) {
        const at = target.socket ? { socketPath: target.socket } : addressOf(target)
        const checked = { at, ...(group.health === undefined ? {} : { path: group.health }) }
        const key = JSON.stringify(checked)
        const name = checkName(target.instance, group.group)
        wanted.add(name)
        const running = this.#checks.get(name)
        if (running?.key === key) continue
        running?.check.stop()
        const options = { now: () => this.#clock.now(), changed: () => this.#healthChanged() }
        this.#checks.set(name, { key, check: new HealthCheck(checked, options) })
      }
    }
    for (const [name, { check }] of this.#checks) {
      if (wanted.has(name)) continue
      check.stop()
      this.#checks.delete(name)
    }
  }

  /** What the kernel and the checks say at this moment. */
  now(): Now {
    const counts = this.#installation.counts()
    const { run } = this.#installation.paths
    const { epoch } = this.#installation.state()
    return {
      atMs: this.#clock.now(),
      isHealthy: (instance, group) =>
        this.#checks.get(checkName(instance, group))?.check.health.healthy ?? true,
      connections: (state, instance) => connectionsTo(state, instance, { run, epoch, counts }),
    }
  }

  async observe(cancel: Cancel): Promise<BalancerStatus> {
    const master = readIdentity(this.#installation.paths.identity)
    if (!master || !isRunning(master)) {
      return { kind: 'down', fault: fault('E_BALANCER', 'it does not run', true) }
    }
    // A controller that was restarted finds it running: from now on it is followed.
    this.adopt()
    await this.#suspect()
    const state = this.#installation.state()
    if (!(await this.#sample(state.groups, cancel))) {
      return { kind: 'down', fault: fault('E_TIMEOUT', 'NGINX does not answer', true) }
    }
    const now = this.now()
    return {
      kind: 'up',
      startId: `${master.pid}:${master.startTicks}`,
      monotonicMs: this.#clock.monotonic(),
      groups: state.groups.map((group) => ({
        group: group.group.group,
        targets: group.group.targets.map((target) => this.#status(group, target, now)),
        counters: this.#readings.counters(group.group.group),
      })),
    }
  }

  #status(group: GroupState, target: BalancerTarget, now: Now): TargetStatus {
    const { instance, state } = target
    const health = this.#checks.get(checkName(instance, group.group.group))?.check.health
    return {
      instance,
      state,
      health: (health?.healthy ?? true) ? 'healthy' : 'unhealthy',
      healthSinceMs: health?.sinceMs ?? this.#clock.now(),
      healthReason: health?.reason ?? 'not checked yet',
      ...(health?.failure === undefined ? {} : { check: health.failure }),
      recent: this.#tries.read(group.group.group, instance, this.#clock.monotonic()),
      inFlight: inFlight(group, target, now),
    }
  }

  async #look(): Promise<void> {
    const master = this.#master
    if (master && !isRunning(master)) {
      this.#master = undefined
      this.tell()
      return
    }
    if (!master) return
    await this.#suspect()
    const { groups } = this.#installation.state()
    this.#groups = groups
    await this.#sample(groups)
    this.#tellDrained(groups)
  }

  #tellDrained(groups: readonly GroupState[]): void {
    const now = this.now()
    const draining = groups.flatMap((group) =>
      group.group.targets
        .filter((target) => target.state === 'draining')
        .map((target) => ({ target, busy: inFlight(group, target, now) > 0 })),
    )
    const idle = draining.filter(
      ({ target, busy }) => !busy && this.#busyDrains.has(target.instance),
    )
    this.#busyDrains.clear()
    for (const { target, busy } of draining) if (busy) this.#busyDrains.add(target.instance)
    if (idle.length > 0) this.tell()
  }

  async #sample(groups: readonly GroupState[], cancel?: Cancel): Promise<boolean> {
    const sampled = await this.#totals.sample(() => this.#shares(groups), cancel)
    if (!sampled) return false
    this.#readings.sample(sampled.counters, sampled.shares, this.#clock.monotonic())
    return true
  }

  #shares(groups: readonly GroupState[]): readonly Share[] {
    const now = this.now()
    return groups.map((state) => {
      const each = state.group.targets.map((t) => now.connections(state, t.instance) ?? 0)
      const connections = each.reduce((sum, count) => sum + count, 0)
      return { group: state.group.group, reach: state.reach, connections }
    })
  }

  #logged(line: Logged): void {
    this.#readings.logged(line)
    this.#totals.logged?.(line)
    this.#tries.logged(line, this.#groups, this.#clock.monotonic())
    if (line.failed) this.#isSuspicious = true
  }

  async #suspect(): Promise<void> {
    if (this.#isSuspicious) {
      this.#isSuspicious = false
      await Promise.all([...this.#checks.values()].map(({ check }) => check.look()))
    }
    await this.#applying
  }

  #healthChanged(): void {
    // Together with those that fall ill in the same moment.
    this.#applying ??= Promise.resolve()
      .then(() => this.#applyHealth())
      .finally(() => {
        this.#applying = undefined
        this.tell()
      })
  }
}

function checkName(instance: string, group: string): string {
  return `${group} ${instance}`
}

function addressOf({ host, port }: BalancerTarget): { host: string; port: number } {
  return { host: host === 'localhost' ? '127.0.0.1' : host, port }
}

// A socket that nobody is seen to listen on may hide connections: unknown is not none.
function inFlight(group: GroupState, target: BalancerTarget, now: Now): number {
  return now.connections(group, target.instance) ?? (target.state === 'draining' ? 1 : 0)
}

/** Takes those that fell ill out of rotation, and those that got well back in. */
export async function applyHealth(installation: Installation, observer: Observer): Promise<void> {
  const failure = await installation.locked(new AbortController().signal, async () => {
    installation.applyTargets(observer.now())
    return undefined
  })
  // The next change, or the controller's next turn, brings it in line.
  if (failure) observer.tell()
}
