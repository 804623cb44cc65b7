// The built-in balancer as the controller sees it: starts or finds the process, configures and
// observes it.
import { fault } from '../../core/errors.ts'
import type { Fault } from '../../core/model.ts'
import type { Balancer, BalancerGroup, BalancerStatus, Cancel, Clock } from '../../core/ports.ts'
import { callBalancer, readStatus } from './control-client.ts'
import { lastLogLine, launch } from './launch.ts'
import { type BalancerPaths, balancerPaths } from './paths.ts'
import { isRunning, killIfRunning, readIdentity } from './process-identity.ts'
import { watchBalancer } from './watch.ts'

/** How long a new process may take until it serves, in milliseconds. */
const START_TIMEOUT_MS = 15_000
const POLL_MS = 25
/**
 * A live process that answers nothing for so long counts as hung and is replaced, in milliseconds.
 */
const SILENCE_MS = 3_000
/** How much longer than its grace a stopping process is waited for, in milliseconds. */
const STOP_MARGIN_MS = 2_000

/** The balancer for laptops and demos; its process outlives the controller. */
export function createBuiltinBalancer(options: {
  /** Folder for its socket, configuration and log; one balancer per folder. */
  readonly stateDir: string
  readonly clock: Clock
}): Balancer {
  return new BuiltinBalancer(balancerPaths(options.stateDir), options.clock)
}

class BuiltinBalancer implements Balancer {
  readonly name = 'builtin'
  readonly #paths: BalancerPaths
  readonly #clock: Clock
  readonly #listeners: (() => void)[] = []
  #starting: Promise<Fault | undefined> | undefined
  #watch: AbortController | undefined

  constructor(paths: BalancerPaths, clock: Clock) {
    this.#paths = paths
    this.#clock = clock
  }

  start(cancel: Cancel): Promise<Fault | undefined> {
    this.#starting ??= this.#start(cancel).finally(() => {
      this.#starting = undefined
    })
    return this.#starting
  }

  async observe(cancel: Cancel): Promise<BalancerStatus> {
    const status = await readStatus(this.#paths.socket, { cancel })
    if ('fault' in status) return { kind: 'down', fault: status.fault }
    // A controller that was restarted finds the process running: from now on it is watched.
    this.#adopt()
    const { startId, monotonicMs, groups } = status
    return { kind: 'up', startId, monotonicMs, groups }
  }

  async configure(groups: readonly BalancerGroup[], cancel: Cancel): Promise<Fault | undefined> {
    const call = { method: 'PUT', path: '/groups', body: groups, cancel } as const
    const answer = await callBalancer(this.#paths.socket, call)
    if (answer.kind === 'fault') return answer.fault
    const body = answer.body as { faults?: readonly Fault[]; error?: string }
    if (answer.status === 200) return body.faults?.[0]
    return fault('E_BALANCER', `the balancer refused its configuration: ${body.error ?? ''}`)
  }

  onChange(listener: () => void): void {
    this.#listeners.push(listener)
  }

  async stop(graceMs: number, cancel: Cancel): Promise<void> {
    const identity = readIdentity(this.#paths.identity)
    await this.close()
    const call = { method: 'POST', path: '/stop', body: { graceMs }, cancel } as const
    await callBalancer(this.#paths.socket, call)
    if (!identity) return
    const endAtMs = this.#clock.monotonic() + graceMs + STOP_MARGIN_MS
    while (isRunning(identity) && this.#clock.monotonic() < endAtMs && !cancel.aborted) {
      await this.#clock.sleep(POLL_MS, cancel)
    }
    killIfRunning(identity)
  }

  async close(): Promise<void> {
    this.#watch?.abort()
    this.#watch = undefined
  }

  async #start(cancel: Cancel): Promise<Fault | undefined> {
    const found = await this.#findRunning(cancel)
    if (found !== 'none') return found
    const child = launch(this.#paths)
    const endAtMs = this.#clock.monotonic() + START_TIMEOUT_MS
    while (this.#clock.monotonic() < endAtMs && !cancel.aborted) {
      const status = await readStatus(this.#paths.socket, { cancel })
      if (!('fault' in status)) return this.#adopt()
      const end = child.failed()
      if (end !== undefined) {
        const line = lastLogLine(this.#paths.log)
        return fault('E_BALANCER', `the balancer process did not start: ${end}: ${line}`, true)
      }
      await this.#clock.sleep(POLL_MS, cancel)
    }
    return fault('E_TIMEOUT', 'the balancer process did not answer in time', true)
  }

  /** Adopts the process that serves already. One that lives but stays silent is ended. */
  async #findRunning(cancel: Cancel): Promise<Fault | undefined | 'none'> {
    const endAtMs = this.#clock.monotonic() + SILENCE_MS
    for (;;) {
      const status = await readStatus(this.#paths.socket, { cancel })
      if (!('fault' in status)) return this.#adopt()
      if (cancel.aborted || !status.fault.retryable) return status.fault
      const identity = readIdentity(this.#paths.identity)
      if (!identity || !isRunning(identity)) return 'none'
      // It may be starting, or hung; only time tells.
      if (this.#clock.monotonic() >= endAtMs) killIfRunning(identity)
      await this.#clock.sleep(POLL_MS, cancel)
    }
  }

  #adopt(): undefined {
    if (this.#watch) return
    this.#watch = new AbortController()
    const tell = () => {
      for (const listener of this.#listeners) listener()
    }
    void watchBalancer(this.#paths.socket, this.#clock, tell, this.#watch.signal)
  }
}
