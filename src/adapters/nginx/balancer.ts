// NGINX as the controller sees it: starts or finds it, gives it targets without a reload, and
// observes it. The application is served whether or not a controller runs.
import { rmSync } from 'node:fs'
import type { Fault } from '../../core/model.ts'
import type { Balancer, BalancerGroup, BalancerStatus, Cancel, Clock } from '../../core/ports.ts'
import { locateNginx, nginxMissing, workerAccount } from './binary.ts'
import { forgetPairs } from './certificate.ts'
import { configureGroups } from './configure.ts'
import { Installation, ownHome } from './installation.ts'
import { isRunning, readIdentity, signal } from './process.ts'
import { startNginx } from './start.ts'
import { withoutMembers } from './targets/members.ts'
import { applyHealth, Observer } from './watch/observer.ts'
import { Upkeep } from './watch/upkeep.ts'

const POLL_MS = 25
/** How much longer than its grace a stopping NGINX is waited for, in milliseconds. */
const STOP_MARGIN_MS = 2_000

/** What the balancer is made from. */
export interface NginxOptions {
  /** Its prefix is the folder `nginx` in here; one NGINX per folder. */
  readonly stateDir: string
  readonly clock: Clock
  /** The program; found on PATH or where distributions put it when absent. */
  readonly nginx?: string
}

/** NGINX under a prefix of its own; its processes outlive the controller. */
export function createNginxBalancer(options: NginxOptions): Balancer {
  return new NginxBalancer(options)
}

class NginxBalancer implements Balancer {
  readonly name = 'nginx'
  readonly #clock: Clock
  readonly #installation: Installation
  readonly #observer: Observer
  readonly #upkeep: Upkeep
  readonly #program: string | undefined
  #starting: Promise<Fault | undefined> | undefined
  /** Why the last start failed. */
  #failure: Fault | undefined

  constructor({ stateDir, clock, nginx }: NginxOptions) {
    this.#clock = clock
    this.#program = locateNginx(nginx)
    const parts = { account: workerAccount(), ...(this.#program && { nginx: this.#program }) }
    this.#installation = new Installation(ownHome(stateDir, parts), clock)
    this.#upkeep = new Upkeep(this.#installation, clock, () => this.#renew())
    this.#observer = new Observer(this.#installation, clock, () => this.#applyHealth())
  }

  start(cancel: Cancel): Promise<Fault | undefined> {
    this.#starting ??= this.#start(cancel)
      .then((failure) => {
        this.#failure = failure
        return failure
      })
      .finally(() => {
        this.#starting = undefined
      })
    return this.#starting
  }

  notices(): readonly string[] {
    return this.#upkeep.notices
  }

  async observe(cancel: Cancel): Promise<BalancerStatus> {
    const status = await this.#observer.observe(cancel)
    // Why it does not run says more than that.
    const why = this.#failure
    return status.kind === 'down' && why !== undefined ? { kind: 'down', fault: why } : status
  }

  async configure(groups: readonly BalancerGroup[], cancel: Cancel): Promise<Fault | undefined> {
    const nginx = this.#program
    if (nginx === undefined) return nginxMissing()
    return this.#installation.locked(cancel, async () => {
      const installation = this.#installation
      const now = this.#observer.now()
      const failure = await configureGroups({ installation, nginx, groups, now, cancel })
      this.#observer.adopt()
      this.#upkeep.start()
      this.#observer.check(installation.state().groups)
      return failure
    })
  }

  onChange(listener: () => void): void {
    this.#observer.onChange(listener)
  }

  async stop(graceMs: number, cancel: Cancel): Promise<void> {
    await this.close()
    const { paths } = this.#installation
    const master = readIdentity(paths.identity)
    if (master) {
      signal(master, 'SIGQUIT')
      await this.#gone(master, graceMs, cancel)
      signal(master, 'SIGTERM')
      await this.#gone(master, STOP_MARGIN_MS, cancel)
      signal(master, 'SIGKILL')
    }
    // Asked to end: what was served is not to come back with the next start.
    for (const path of [paths.state, paths.config, paths.identity, paths.run]) {
      rmSync(path, { recursive: true, force: true })
    }
    forgetPairs(paths.pairs, [])
    this.#installation.forget()
  }

  async close(): Promise<void> {
    this.#observer.close()
    await this.#upkeep.close()
  }

  async #start(cancel: Cancel): Promise<Fault | undefined> {
    const nginx = this.#program
    if (nginx === undefined) return nginxMissing()
    const installation = this.#installation
    return this.#installation.locked(cancel, async () => {
      const failure = await startNginx({ installation, nginx, now: this.#observer.now(), cancel })
      if (failure === undefined) this.#observer.adopt()
      return failure
    })
  }

  /** Puts renewed certificates in force. */
  async #renew(): Promise<Fault | undefined> {
    const nginx = this.#program
    if (nginx === undefined) return nginxMissing()
    const cancel = new AbortController().signal
    return this.#installation.locked(cancel, () => {
      const installation = this.#installation
      const groups = installation.state().groups.map(({ group }) => withoutMembers(group))
      return configureGroups({ installation, nginx, groups, now: this.#observer.now(), cancel })
    })
  }

  /** Takes those that fell ill out of rotation, and those that got well back in. */
  #applyHealth(): Promise<void> {
    return applyHealth(this.#installation, this.#observer)
  }

  async #gone(
    master: Parameters<typeof isRunning>[0],
    withinMs: number,
    cancel: Cancel,
  ): Promise<void> {
    const endAtMs = this.#clock.monotonic() + withinMs
    while (isRunning(master) && this.#clock.monotonic() < endAtMs && !cancel.aborted) {
      await this.#clock.sleep(POLL_MS, cancel)
    }
  }
}
