// The functions behind every door: what the CLI, the HTTP API and agents can ask, and the JSON they
// get.
import {
  type Checked,
  checkScale,
  findGroup,
  MANUAL_MS,
  type ScaleRequest,
} from '../core/commands.ts'
import { fault } from '../core/errors.ts'
import { explain } from '../core/explain.ts'
import type { Command, Fault, Spec, Tick } from '../core/model.ts'
import type { Clock, Store } from '../core/ports.ts'
import type { Controller } from './controller.ts'
import { withDeadline } from './deadline.ts'
import {
  type BalancerView,
  type GroupView,
  groupView,
  type StatusView,
  statusView,
} from './view.ts'

/** Scale requests that may wait for each other. */
const MOST_SCALES = 100
/** A command that no turn took in for this long is a fault; it may still be taken in. */
const TURN_MS = 12_000

/** One value that a changed file changes; `path` is dotted, as in the file. */
export interface Difference {
  readonly path: string
  readonly from: string
  readonly to: string
}

/** What came of a scale by hand; `tick` is the one that took it in, null for a dry run. */
export interface ScaleResult {
  readonly group: string
  readonly action: string
  readonly instances: number
  readonly from: number
  readonly to: number
  /** Until when the manual number holds; null for a dry run. */
  readonly until: string | null
  readonly tick: number | null
  readonly dry_run: boolean
  readonly reason: string
}

/** What came of a hold or a restart; `until` is an ISO 8601 time, `tick` null for a dry run. */
export interface CommandResult {
  readonly group: string
  readonly until?: string
  readonly tick: number | null
  readonly dry_run: boolean
  readonly reason: string
}

/** What a changed file changes, and whether that was put in force. */
export interface ReloadResult {
  readonly differences: readonly Difference[]
  readonly applied: boolean
}

/** A tick with its explanation, one line of text each. */
export interface TickView {
  readonly tick: Tick
  readonly explanation: readonly string[]
}

interface Asked {
  readonly by: string
  readonly dryRun: boolean
}

interface Parts {
  readonly controller: Controller
  readonly store: Store
  readonly clock: Clock
  /** Unique ids for commands. */
  readonly newId: () => string
  /** Reads the file again: what would change, and the specification it makes. */
  readonly readFile: () => Checked<{
    readonly spec: Spec
    readonly differences: readonly Difference[]
  }>
  /** Why a changed specification could not work here, as far as that can be known. */
  readonly checkChange: (spec: Spec) => Promise<Fault | undefined>
  /** What carries the requests; absent where nobody tells. */
  readonly balancer?: () => BalancerView
  /** Asks the whole application to drain and stop. */
  readonly shutdown: () => void
}

/** Stateless over the controller; every failure is a Fault from the catalogue. */
export class Service {
  readonly #parts: Parts
  #scales = 0
  #lastScale: Promise<void> = Promise.resolve()

  constructor(parts: Parts) {
    this.#parts = parts
  }

  status(): StatusView {
    return statusView(this.#parts.controller.state, this.#parts.balancer?.())
  }

  group(name: string): Checked<GroupView> {
    const { state } = this.#parts.controller
    const found = findGroup(state.spec, name)
    return found.ok ? { ok: true, value: groupView(found.value, state) } : found
  }

  /**
   * Sets or moves the number of a group by hand; it holds for `forMs`. One at a time, so that each
   * moves from what the one before it made.
   */
  scale(
    request: ScaleRequest,
    asked: Asked & { readonly forMs?: number },
  ): Promise<Checked<ScaleResult>> {
    if (this.#scales >= MOST_SCALES) return Promise.resolve(busy())
    this.#scales++
    const mine = this.#lastScale.then(() => this.#scale(request, asked))
    const over = () => {
      this.#scales--
    }
    this.#lastScale = mine.then(over, over)
    return mine
  }

  async #scale(
    request: ScaleRequest,
    asked: Asked & { readonly forMs?: number },
  ): Promise<Checked<ScaleResult>> {
    const { spec, memory, tick, storeWritable } = this.#parts.controller.state
    const seen = tick === undefined ? {} : { observation: tick.observation }
    const world = { spec, memory, storeWritable, ...seen }
    const checked = checkScale(request, world)
    if (!checked.ok) return checked
    const { from, to } = checked.value
    const base = { ...request, from, to, dry_run: asked.dryRun }
    if (asked.dryRun) {
      const reason = `would set ${request.group} from ${from} to ${to}`
      return { ok: true, value: { ...base, until: null, tick: null, reason } }
    }
    const untilMs = this.#parts.clock.now() + (asked.forMs ?? MANUAL_MS)
    const { group } = request
    const id = this.#parts.newId()
    const done = await this.#submit({
      kind: 'scale',
      id,
      group,
      instances: to,
      untilMs,
      by: asked.by,
    })
    if (!done.ok) return done
    const decision = done.value.decisions.find((d) => d.group === group)
    return {
      ok: true,
      value: {
        ...base,
        to: decision?.to ?? to,
        until: new Date(untilMs).toISOString(),
        tick: done.value.id,
        reason: decision?.reason ?? '',
      },
    }
  }

  /** Keeps a group's number as it is for a while. */
  async hold(
    group: string,
    asked: Asked & { readonly forMs?: number },
  ): Promise<Checked<CommandResult>> {
    const found = findGroup(this.#parts.controller.state.spec, group)
    if (!found.ok) return found
    const untilMs = this.#parts.clock.now() + (asked.forMs ?? MANUAL_MS)
    const until = new Date(untilMs).toISOString()
    const result = { group, until, dry_run: asked.dryRun }
    if (asked.dryRun)
      return { ok: true, value: { ...result, tick: null, reason: `would hold ${group}` } }
    const id = this.#parts.newId()
    const done = await this.#submit({ kind: 'hold', id, group, untilMs, by: asked.by })
    if (!done.ok) return done
    const reason = `${group} is held until ${until}`
    return { ok: true, value: { ...result, tick: done.value.id, reason } }
  }

  /** Rolls new code through a group, one instance at a time. */
  async restart(group: string, asked: Asked): Promise<Checked<CommandResult>> {
    const found = findGroup(this.#parts.controller.state.spec, group)
    if (!found.ok) return found
    const result = { group, dry_run: asked.dryRun }
    if (asked.dryRun) {
      const reason = `would restart the instances of ${group} one by one`
      return { ok: true, value: { ...result, tick: null, reason } }
    }
    const id = this.#parts.newId()
    const done = await this.#submit({ kind: 'restart', id, group, by: asked.by })
    if (!done.ok) return done
    return {
      ok: true,
      value: { ...result, tick: done.value.id, reason: `${group} is being restarted` },
    }
  }

  /** Reads the file again and applies what changed; a change that can't work changes nothing. */
  async reload(asked: Asked): Promise<Checked<ReloadResult>> {
    const read = this.#parts.readFile()
    if (!read.ok) return read
    const { spec, differences } = read.value
    const failure = differences.length > 0 ? await this.#parts.checkChange(spec) : undefined
    if (failure !== undefined) return { ok: false, fault: failure }
    const applied = !asked.dryRun && differences.length > 0
    if (applied) this.#parts.controller.replaceSpec(spec)
    return { ok: true, value: { differences, applied } }
  }

  /** Begins to drain and stop everything; returns at once. */
  shutdown(asked: Asked): { readonly stopping: boolean; readonly dry_run: boolean } {
    if (!asked.dryRun) this.#parts.shutdown()
    return { stopping: !asked.dryRun, dry_run: asked.dryRun }
  }

  /** The tick of the last turn, stored or not. Fault: E_TICK_UNKNOWN before the first one. */
  newestTick(group?: string): Checked<TickView> {
    const { tick } = this.#parts.controller.state
    if (tick !== undefined) return { ok: true, value: { tick, explanation: explain(tick, group) } }
    return { ok: false, fault: fault('E_TICK_UNKNOWN', 'there is no tick yet') }
  }

  /** A stored tick with its explanation, for one group where named. Fault: E_TICK_UNKNOWN. */
  tick(id: number, group?: string): Checked<TickView> {
    const { controller, store } = this.#parts
    const found = controller.state.tick?.id === id ? controller.state.tick : store.tick(id)
    if (found === undefined)
      return { ok: false, fault: fault('E_TICK_UNKNOWN', `there is no tick ${id}`) }
    return { ok: true, value: { tick: found, explanation: explain(found, group) } }
  }

  /** Newest first. */
  ticks(query: Parameters<Store['ticks']>[0]): readonly TickView[] {
    return this.#parts.store
      .ticks(query)
      .map((tick) => ({ tick, explanation: explain(tick, query.group) }))
  }

  onTick(listener: (tick: Tick) => void): () => void {
    return this.#parts.controller.onTick(listener)
  }

  get state(): Controller['state'] {
    return this.#parts.controller.state
  }

  async #submit(command: Command): Promise<Checked<Tick>> {
    const taken = this.#parts.controller.submit(command)
    if (taken === undefined) return busy()
    try {
      const tick = await withDeadline(this.#parts.clock, 'the turn', TURN_MS, () => taken)
      return { ok: true, value: tick }
    } catch (error) {
      return { ok: false, fault: fault('E_TIMEOUT', (error as Error).message, true) }
    }
  }
}

function busy(): Checked<never> {
  return { ok: false, fault: fault('E_BUSY', 'too many commands are waiting', true) }
}
