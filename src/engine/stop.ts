// Stopping the whole application: the balancer lets requests finish first, then the instances end.
import { observationOf } from '../core/decide.ts'
import type { Tick } from '../core/model.ts'
import type { Controller, Ports } from './controller.ts'
import type { Service } from './service.ts'

const EXTRA_MS = 10_000

/** Two ways down, both bounded in time. */
export class Stopper {
  readonly #controller: Controller
  readonly #ports: Ports
  readonly #service: Service
  readonly #hurry = new AbortController()
  #killed: Promise<void> | undefined

  constructor(controller: Controller, ports: Ports, service: Service) {
    this.#controller = controller
    this.#ports = ports
    this.#service = service
  }

  /** Drains, then stops; resolves when no instance is left, or after the groups' own time-outs. */
  async drain(): Promise<void> {
    const graceMs = Math.max(
      0,
      ...this.#controller.state.spec.groups.map((g) => g.run.stopTimeoutMs),
    )
    await this.#controller.pause()
    await this.#ports.balancer.stop(graceMs, this.#hurry.signal)
    if (this.#hurry.signal.aborted) return this.#killed
    const gone = this.#waitUntilGone(2 * graceMs + EXTRA_MS)
    const id = `shutdown-${this.#ports.clock.now()}`
    // The first turn must know already, or it would bring the balancer back.
    const taken = this.#controller.submit({ kind: 'shutdown', id, by: 'operator' })
    this.#controller.resume()
    // A turn that fails never answers; the wait for the instances is bounded all the same.
    await Promise.race([taken, gone])
    await gone
    await this.#killed
  }

  /** Ends instances and balancer without waiting for requests. */
  async kill(): Promise<void> {
    // From here on a drain under way only waits for this.
    this.#hurry.abort()
    this.#killed ??= this.#killAll()
    await this.#killed
  }

  async #killAll(): Promise<void> {
    await this.#controller.pause()
    const { spec } = this.#controller.state
    const never = new AbortController().signal
    await this.#ports.balancer.stop(0, never)
    for (const group of spec.groups) {
      const status = await this.#ports.provider.observe(group, never)
      if (status.kind === 'unknown') continue
      for (const { id } of status.instances) {
        const action = { kind: 'kill', group: group.name, instance: id, reason: 'asked' } as const
        await this.#ports.provider.apply(action, group, never)
      }
    }
  }

  async #waitUntilGone(mostMs: number): Promise<void> {
    const over = new AbortController()
    const stop = this.#service.onTick((tick) => {
      if (isEmpty(tick)) over.abort()
    })
    this.#hurry.signal.addEventListener('abort', () => over.abort(), { once: true })
    await this.#ports.clock.sleep(mostMs, over.signal)
    stop()
  }
}

function isEmpty(tick: Tick): boolean {
  return tick.observation.groups.every(({ group }) => {
    const { status } = observationOf(tick.observation, group)
    return status.kind === 'known' && status.instances.length === 0
  })
}
