// THE LOOP: turns at their own pace, never two at once, woken early by events; and what people may
// ask of it.
import { observationOf } from '../core/decide.ts'
import type { Command, Fault, GroupSpec, Memory, Spec, Tick } from '../core/model.ts'
import type {
  Balancer,
  Clock,
  Gauge,
  Host,
  Metrics,
  Provider,
  Random,
  Store,
} from '../core/ports.ts'
import { Actor } from './act.ts'
import { Observer } from './observe.ts'
import { type Recovered, recover } from './recover.ts'
import { storable } from './stored-spec.ts'
import { THOUGHT, type Thought, turn } from './turn.ts'

/** Two turns are at least this far apart, however often the loop is woken. */
const LEAST_GAP_MS = 50
/** Relative width of the jitter on the interval. */
const JITTER = 0.1
const MOST_COMMANDS = 100

/** Everything outside the loop that it sees or moves. */
export interface Ports {
  readonly provider: Provider
  readonly balancer: Balancer
  readonly host: Host
  /** Absent where no resource can be asked how full it is. */
  readonly gauge?: Gauge
  /** Absent where no monitor can be asked. */
  readonly metrics?: Metrics
  readonly store: Store
  readonly clock: Clock
  readonly random: Random
}

/** Where the loop stands; `tick` is the last one, absent before the first. */
export interface LoopState {
  readonly spec: Spec
  readonly memory: Memory
  readonly tick?: Tick
  readonly storeWritable: boolean
  /** Ticks since the start that could not be stored. */
  readonly missingTicks: number
  readonly storeFault?: Fault
  /** How many running instances of an earlier controller were found at the start. */
  readonly adopted: number
  readonly interrupted?: number
  /** What ran here before, as it was stored: to see what a changed file changes. */
  readonly earlier?: Spec
  /** Why the last turn was cut short, where it was; a defect, to be reported. */
  readonly turnError?: string
}

interface Start {
  readonly recovered: Recovered
  readonly adopted: number
  readonly thought: Thought
}

/** Runs the loop over one specification; every way to change something goes through `submit`. */
export class Controller {
  readonly #ports: Ports
  readonly #observer: Observer
  readonly #actor: Actor
  readonly #waiting: { command: Command; done: (tick: Tick) => void }[] = []
  readonly #listeners = new Set<(tick: Tick) => void>()
  readonly #stop = new AbortController()
  readonly #thought: Thought
  #state: LoopState
  #nextId: number
  #wake: AbortController = new AbortController()
  #running: Promise<void> = Promise.resolve()
  #paused = false
  #begins = true

  private constructor(spec: Spec, ports: Ports, start: Start) {
    this.#ports = ports
    this.#thought = start.thought
    this.#observer = new Observer(ports)
    this.#actor = new Actor(ports)
    this.#nextId = start.recovered.lastId + 1
    this.#state = {
      spec,
      memory: start.recovered.memory,
      storeWritable: true,
      missingTicks: 0,
      adopted: start.adopted,
      ...(start.recovered.spec === undefined ? {} : { earlier: start.recovered.spec }),
      ...(start.recovered.interrupted === undefined
        ? {}
        : { interrupted: start.recovered.interrupted }),
    }
  }

  /** Recovers memory, adopts what runs, and begins to turn unless it is to wait for `resume`. */
  static async start(
    spec: Spec,
    ports: Ports,
    { paused = false, thought = THOUGHT }: { readonly paused?: boolean; thought?: Thought } = {},
  ): Promise<Controller> {
    const { recovered, fault } = recover(ports.store, thought)
    const never = new AbortController().signal
    const adopted = await ports.provider.adopt(never)
    const earlier = await stillRunning(recovered.spec, ports.provider, never)
    const start = { recovered, adopted, thought }
    const controller = new Controller(withRetired(spec, earlier), ports, start)
    controller.#noteStore(fault ?? ports.store.saveSpec(storable(controller.#state.spec)))
    ports.provider.onChange(() => controller.wake())
    ports.balancer.onChange(() => controller.wake())
    if (!paused) controller.resume()
    return controller
  }

  get state(): LoopState {
    return this.#state
  }

  /** Calls `listener` after every turn; returns how to stop that. */
  onTick(listener: (tick: Tick) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** Looks sooner. */
  wake(): void {
    this.#wake.abort()
  }

  /**
   * Hands a command to the next turn; resolves with the tick that took it in, undefined when too
   * many wait.
   */
  submit(command: Command): Promise<Tick> | undefined {
    if (this.#waiting.length >= MOST_COMMANDS) return undefined
    return new Promise((done) => {
      this.#waiting.push({ command, done })
      this.wake()
    })
  }

  /** Turns over another specification from now on; groups that are gone are drained. */
  replaceSpec(spec: Spec): void {
    const next = withRetired(spec, this.#state.spec)
    this.#noteStore(this.#ports.store.saveSpec(storable(next)))
    this.#state = { ...this.#state, spec: next }
    this.wake()
  }

  /** Stops turning after the present turn, so that something else can be done to the world. */
  async pause(): Promise<void> {
    this.#paused = true
    this.wake()
    await this.#running
  }

  /** Turns again. */
  resume(): void {
    this.#paused = false
    this.#running = this.#loop()
  }

  /** Ends the loop; everything that runs goes on running. */
  async close(): Promise<void> {
    this.#stop.abort()
    this.wake()
    await this.#running
    const { provider, balancer, metrics } = this.#ports
    await Promise.all([provider.close(), balancer.close(), metrics?.close()])
  }

  async #loop(): Promise<void> {
    const { clock, random } = this.#ports
    while (!this.#stop.signal.aborted && !this.#paused) {
      const began = clock.monotonic()
      this.#wake = new AbortController()
      await this.#attempt()
      await clock.sleep(LEAST_GAP_MS, this.#stop.signal)
      const interval = this.#state.spec.intervalMs * (1 + JITTER * (random() - 0.5))
      await clock.sleep(Math.max(0, interval - (clock.monotonic() - began)), this.#wake.signal)
    }
  }

  // A defect in one turn must not leave the application without a controller: it is shown, and the
  // loop goes on.
  async #attempt(): Promise<void> {
    try {
      await this.#turn()
      const { turnError: _over, ...state } = this.#state
      this.#state = state
    } catch (error) {
      this.#state = { ...this.#state, turnError: (error as Error).stack ?? String(error) }
      process.stderr.write(`plimsoll: a turn failed: ${this.#state.turnError}\n`)
    }
  }

  async #turn(): Promise<void> {
    const taken = this.#waiting.splice(0)
    const { spec, memory, storeWritable } = this.#state
    const commands = taken.map((t) => t.command)
    const input = {
      id: this.#nextId++,
      begins: this.#begins,
      spec,
      memory,
      commands,
      storeWritable,
    }
    const { store } = this.#ports
    const parts = { observer: this.#observer, actor: this.#actor, store, thought: this.#thought }
    const turned = await turn(input, parts)
    // A specification that was replaced meanwhile stays replaced.
    this.#state = { ...this.#state, memory: turned.memory, tick: turned.tick }
    this.#begins = false
    this.#noteStore(turned.storeFault)
    this.#dropRetired(turned.tick)
    for (const { done } of taken) done(turned.tick)
    for (const listener of this.#listeners) listener(turned.tick)
  }

  // A group that is gone from the file is forgotten once its last instance is.
  #dropRetired(tick: Tick): void {
    const { spec } = this.#state
    const groups = spec.groups.filter((g) => !isRetired(g) || !isEmpty(tick, g.name))
    if (groups.length === spec.groups.length) return
    const next = { ...spec, hash: hashWith(spec, groups), groups }
    this.#state = { ...this.#state, spec: next }
    this.#noteStore(this.#ports.store.saveSpec(storable(next)))
    this.wake()
  }

  #noteStore(fault: Fault | undefined): void {
    const { storeFault: _old, ...state } = this.#state
    const missingTicks = state.missingTicks + (fault === undefined ? 0 : 1)
    const storeWritable = fault === undefined
    this.#state = { ...state, storeWritable, missingTicks, ...(fault ? { storeFault: fault } : {}) }
  }
}

/**
 * Groups that only the earlier specification has are kept with no instances wanted, so that they
 * are drained.
 */
export function withRetired(spec: Spec, earlier: Spec | undefined): Spec {
  const gone = (earlier?.groups ?? []).filter((g) => !spec.groups.some((h) => h.name === g.name))

  if (gone.length === 0) return spec
  const groups = [...spec.groups, ...gone.map(retired)]
  return { ...spec, hash: hashWith(spec, groups), groups }
}

// The file's own hash, with the names of what only waits for its end.
function hashWith(spec: Spec, groups: readonly GroupSpec[]): string {
  const names = groups.filter(isRetired).map((g) => g.name)
  return [spec.hash.split('-')[0], ...names].join('-')
}

/** Whether a group only waits for its last instances to end: no file can say such bounds. */
export function isRetired(group: GroupSpec): boolean {
  return group.scaling.maxInstances === 0
}

function isEmpty(tick: Tick, group: string): boolean {
  const { status } = observationOf(tick.observation, group)
  return status.kind === 'known' && status.instances.length === 0
}

function retired(group: GroupSpec): GroupSpec {
  const scaling = { ...group.scaling, minInstances: 0, maxInstances: 0, settleMs: 0 }
  return { ...group, mode: 'enforce', scaling, needs: [], signals: [] }
}

// Only groups that still have instances need to be drained.
async function stillRunning(
  spec: Spec | undefined,
  provider: Provider,
  cancel: AbortSignal,
): Promise<Spec | undefined> {
  if (spec === undefined) return undefined
  const statuses = await Promise.all(spec.groups.map((g) => provider.observe(g, cancel)))
  const groups = spec.groups.filter((_, i) => {
    const status = statuses[i]
    return status?.kind === 'unknown' || (status?.instances.length ?? 0) > 0
  })
  return { ...spec, groups }
}
