// The real loop over a world in memory, turn by turn: what scenarios and simulations have in
// common.
import type { MemoryWorld } from '../../src/adapters/memory/world.ts'
import { EMPTY_MEMORY } from '../../src/core/memory.ts'
import type { Command, GroupSpec, Memory, Spec, Tick } from '../../src/core/model.ts'
import { Actor } from '../../src/engine/act.ts'
import { Observer } from '../../src/engine/observe.ts'
import { turn } from '../../src/engine/turn.ts'

/** A group with sensible values; give what matters to the test. */
export function groupSpec(change: Partial<GroupSpec> = {}): GroupSpec {
  return {
    name: 'web',
    mode: 'enforce',
    run: {
      command: ['node', 'server.js'],
      shell: false,
      cwd: '/',
      env: {},
      startTimeoutMs: 10_000,
      stopTimeoutMs: 10_000,
      hash: 'aaaa',
    },
    http: {
      listen: { host: '127.0.0.1', port: 8080 },
      via: { kind: 'auto' },
      balance: 'least_connections',
      maxInFlight: 1_000,
      queueTimeoutMs: 5_000,
      maxBodyBytes: 1_000_000,
      timeoutMs: 60_000,
      trustForwarded: false,
    },
    slo: { p99Ms: 300 },
    scaling: {
      minInstances: 2,
      maxInstances: 8,
      thresholdPercent: 80,
      policy: 'target',
      settleMs: 20_000,
      cooldownMs: 3_000,
    },
    signals: [{ kind: 'in_flight', target: 8 }],
    needs: [],
    ...change,
  }
}

/** A specification over groups. */
export function specOf(groups: readonly GroupSpec[], change: Partial<Spec> = {}): Spec {
  return { app: 'shop', hash: 'spec', intervalMs: 1_000, groups, resources: [], ...change }
}

/** A run of turns over one world; `restart` forgets what a controller keeps in its process. */
export class Loop {
  spec: Spec
  memory: Memory = EMPTY_MEMORY
  storeWritable = true
  missingTicks = 0
  restarts = 0
  readonly ticks: Tick[] = []
  readonly world: MemoryWorld
  #observer: Observer
  #actor: Actor
  #nextId = 1

  constructor(world: MemoryWorld, spec: Spec) {
    this.world = world
    this.spec = spec
    this.#observer = new Observer(world)
    this.#actor = new Actor(world)
    world.store.saveSpec(spec)
  }

  /** A new controller process: its caches are gone; memory is what the caller recovered. */
  restart(memory: Memory): void {
    this.restarts++
    this.memory = memory
    this.#observer = new Observer(this.world)
    this.#actor = new Actor(this.world)
  }

  /** One turn, one second later. */
  async turn(commands: readonly Command[] = []): Promise<Tick> {
    this.world.clock.advance(this.spec.intervalMs)
    const { spec, memory, storeWritable } = this
    const input = { id: this.#nextId++, spec, memory, commands, storeWritable }
    const parts = { observer: this.#observer, actor: this.#actor, store: this.world.store }
    const turned = await turn(input, parts)
    this.memory = turned.memory
    this.storeWritable = turned.storeFault === undefined
    if (!this.storeWritable) this.missingTicks++
    this.ticks.push(turned.tick)
    return turned.tick
  }

  /** Turns for so many seconds. */
  async turns(seconds: number): Promise<void> {
    for (let i = 0; i < seconds; i++) await this.turn()
  }

  /** How many instances are in a phase. */
  count(phase: string, group = 'web'): number {
    return this.world.provider.all().filter((i) => i.group === group && i.phase === phase).length
  }

  desired(group = 'web'): number {
    return this.memory.groups[group]?.desired ?? 0
  }

  /** The reasons of the last decision, for a group. */
  reason(group = 'web'): string {
    return this.ticks.at(-1)?.decisions.find((d) => d.group === group)?.reason ?? ''
  }
}
