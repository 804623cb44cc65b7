// An NGINX that others own, as the controller sees it: one file of ours in it while we are
// attached. It is reloaded when that file must change, never started, stopped or otherwise edited.
import { isAbsolute } from 'node:path'
import { fault } from '../../../core/errors.ts'
import type { Fault } from '../../../core/model.ts'
import type { Balancer, BalancerGroup, BalancerStatus, Cancel, Clock } from '../../../core/ports.ts'
import { featuresOf, locateNginx, nginxMissing } from '../binary.ts'
import { type Home, Installation } from '../installation.ts'
import { isRunning, readIdentity, writeIdentity } from '../process.ts'
import { withoutMembers } from '../targets/members.ts'
import { applyHealth, Observer } from '../watch/observer.ts'
import { Upkeep } from '../watch/upkeep.ts'
import { configureAttached } from './configure.ts'
import { detach } from './detach.ts'
import { Holdback } from './holdback.ts'
import { attachedControl, outerName, renderInclude } from './include.ts'
import { findMaster, type Master, masters, type WorkerIds, workerAccounts } from './master.ts'
import { attachPaths, folderFault, includePath, type Owner, ownerOf, readInclude } from './place.ts'
import { attachedTotals } from './totals.ts'

/** How long a master that was just started may take to have workers, in milliseconds. */
const WORKERS_MS = 3_000
const POLL_MS = 20

/** What the balancer is made from. */
export interface AttachOptions {
  /** What is known of the installation is kept in here; one attachment per folder. */
  readonly stateDir: string
  readonly clock: Clock
  /** Absolute; a folder that the installation's `http` block includes. */
  readonly dir: string
  /** A program to look for where no NGINX runs, to tell what is missing. */
  readonly nginx?: string
}

/** Attached to the NGINX that reads `dir`. */
export function createAttachBalancer(options: AttachOptions): Balancer {
  return new AttachBalancer(options)
}

class AttachBalancer implements Balancer {
  readonly name = 'nginx-attach'
  readonly #options: AttachOptions
  readonly #clock: Clock
  readonly #owner: Owner
  readonly #installation: Installation
  readonly #observer: Observer
  readonly #upkeep: Upkeep
  readonly #holdback: Holdback
  /** Who its workers are, once that is known. */
  #workers: WorkerIds | undefined

  constructor(options: AttachOptions) {
    this.#options = options
    this.#clock = options.clock
    this.#owner = ownerOf(options.stateDir)
    this.#holdback = new Holdback(() => options.clock.monotonic())
    this.#installation = new Installation(this.#home(), options.clock)
    this.#upkeep = new Upkeep(this.#installation, options.clock, () => this.#renew())
    const totals = attachedTotals(this.#installation)
    const applyHealth = () => this.#applyHealth()
    this.#observer = new Observer(this.#installation, options.clock, applyHealth, totals)
  }

  start(cancel: Cancel): Promise<Fault | undefined> {
    return this.#installation.locked(cancel, () => this.#start(cancel))
  }

  async observe(cancel: Cancel): Promise<BalancerStatus> {
    const status = await this.#observer.observe(cancel)
    if (status.kind === 'down') return status
    const groups = status.groups.map((one) => ({
      ...one,
      group: outerName(one.group, this.#owner),
    }))
    return { ...status, groups }
  }

  async configure(groups: readonly BalancerGroup[], cancel: Cancel): Promise<Fault | undefined> {
    return this.#installation.locked(cancel, async () => {
      const failure = await this.#configure(groups, cancel)
      this.#observer.adopt()
      this.#upkeep.start()
      this.#observer.check(this.#installation.state().groups)
      return failure
    })
  }

  notices(): readonly string[] {
    return this.#upkeep.notices
  }

  onChange(listener: () => void): void {
    this.#observer.onChange(listener)
  }

  /** Lets go of the installation: our file is taken away, and a reload makes that true. */
  async stop(_graceMs: number, cancel: Cancel): Promise<void> {
    await this.close()
    const installation = this.#installation
    await this.#installation.locked(cancel, async () => {
      const path = installation.paths.config
      // It may have been started anew since a controller last looked.
      const isThere = typeof readInclude(path, this.#owner) === 'string'
      const found = this.#master() ?? (isThere ? await this.#find(path, cancel) : undefined)
      const master = found && 'code' in found ? undefined : found
      return detach({ installation, owner: this.#owner, master, cancel })
    })
    installation.forget()
  }

  async close(): Promise<void> {
    this.#observer.close()
    await this.#upkeep.close()
  }

  async #configure(groups: readonly BalancerGroup[], cancel: Cancel): Promise<Fault | undefined> {
    const master = this.#master()
    if (master === undefined) return fault('E_ATTACH', 'that NGINX does not run', true)
    return configureAttached({
      ...{ installation: this.#installation, owner: this.#owner, holdback: this.#holdback },
      ...{ master, groups, cancel, now: this.#observer.now() },
    })
  }

  /** Puts renewed certificates in force. */
  #renew(): Promise<Fault | undefined> {
    const cancel = new AbortController().signal
    return this.#installation.locked(cancel, () => {
      const groups = this.#installation.state().groups.map(({ group }) => {
        return { ...withoutMembers(group), group: outerName(group.group, this.#owner) }
      })
      return this.#configure(groups, cancel)
    })
  }

  #home(): Home {
    const { dir } = this.#options
    const owner = this.#owner
    const features = featuresOf(() => this.#master()?.program)
    return {
      paths: () => {
        const ids = this.#workers
        const group = ids && ids.user !== process.getuid?.() ? ids.group : undefined
        return attachPaths(owner, dir, { group, isKept: ids === undefined })
      },
      render: (state, { run, pairs }) => {
        return renderInclude(state, { run, pairs, owner, ...features() })
      },
      control: attachedControl,
      uid: () => this.#workers?.user,
      isLasting: true,
    }
  }

  async #start(cancel: Cancel): Promise<Fault | undefined> {
    const { dir, nginx } = this.#options
    if (!isAbsolute(dir)) return fault('E_ATTACH', `${dir} must be an absolute path`)
    const refused = folderFault(dir)
    if (refused) return refused
    const path = includePath(dir, this.#owner)
    const there = readInclude(path, this.#owner)
    if (typeof there === 'object') return there
    if (locateNginx(nginx) === undefined && masters().length === 0) return nginxMissing()
    const found = this.#master() ?? (await this.#find(path, cancel))
    if ('code' in found) return found
    return this.#follow(found, cancel)
  }

  #find(path: string, cancel: Cancel): Promise<Master | Fault> {
    return findMaster(path, { clock: this.#clock, cancel })
  }

  async #follow(master: Master, cancel: Cancel): Promise<Fault | undefined> {
    const endAtMs = this.#clock.monotonic() + WORKERS_MS
    let workers = workerAccounts(master.identity)
    while (!workers && this.#clock.monotonic() < endAtMs && !cancel.aborted) {
      await this.#clock.sleep(POLL_MS, cancel)
      workers = workerAccounts(master.identity)
    }
    if (!workers)
      return fault('E_ATTACH', `NGINX (pid ${master.identity.pid}) has no workers`, true)
    this.#workers = workers
    const installation = this.#installation
    installation.prepare()
    const state = installation.state()
    installation.save(state)
    writeIdentity(installation.paths.identity, master.identity)
    installation.follow(state)
    this.#observer.adopt()
    return undefined
  }

  /** The master that was found last, while it runs. */
  #master(): Master | undefined {
    const known = readIdentity(this.#installation.paths.identity)
    if (!known || !isRunning(known)) return undefined
    return masters().find(({ identity }) => identity.pid === known.pid)
  }

  #applyHealth(): Promise<void> {
    return applyHealth(this.#installation, this.#observer)
  }
}
