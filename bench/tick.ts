// What one turn of the whole loop costs: observe, decide, plan, store, act, remember, store, over
// the adapters in memory and a store on disk.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { MemoryWorld } from '../src/adapters/memory/world.ts'
import { openSqliteStore } from '../src/adapters/sqlite/store.ts'
import { EMPTY_MEMORY } from '../src/core/memory.ts'
import type { GroupSpec, Memory, Spec, Tick } from '../src/core/model.ts'
import type { Store } from '../src/core/ports.ts'
import { Actor } from '../src/engine/act.ts'
import { Observer } from '../src/engine/observe.ts'
import { turn } from '../src/engine/turn.ts'
import { groupSpec, specOf } from '../tests/simulation/loop.ts'
import type { BenchDocument, BenchOptions, Row } from './report.ts'
import { median } from './statistics.ts'

const SIZES = [100, 1_000, 10_000]
/** Turns until every group stands where its load wants it. */
const WARM_TURNS = 12
const ROUNDS = 11
/** One group in so many gets another load before each turn, and decides for it. */
const ONE_IN = 10
/** Requests per second of a group that is calm, and of one that is busy; 8 in flight are full. */
const CALM_RPS = 120
const BUSY_RPS = 280
const LOAD = { serviceMs: 100, slots: 10 }

/** A row per number of groups; `--share` takes fewer of them. */
export async function tick({ share, progress }: BenchOptions): Promise<BenchDocument> {
  const rows: Row[] = []
  const notes: string[] = []
  for (const size of SIZES) {
    const groups = Math.max(1, Math.round(size * share))
    const measured = await measure(groups)
    rows.push(row(`groups ${size}`, median(measured.turnsMs)))
    const { decided, actions, bytes, peakBytes } = measured
    notes.push(
      `groups ${size}: ${figure((median(measured.turnsMs) / groups) * 1_000)} us a group; ` +
        `${figure((100 * decided) / groups)} % of the groups decide and ${figure(actions)} actions ` +
        `are carried out in a turn, ${figure(bytes / 1e6)} MB a tick, heap at most ` +
        `${figure(peakBytes / 1e6)} MB`,
    )
    progress(`groups ${size} of ${SIZES.join(', ')}`)
  }
  if (share < 1) notes.push(`a trial: ${100 * share} % of the groups`)
  notes.push('seven readings a group; every tick is stored on disk before and after it is acted on')
  return { bench: 'tick', rounds: ROUNDS, rows, notes }
}

function row(name: string, ours: number): Row {
  return { name, rival: null, ours, theirs: null, unit: 'ms', better: 'lower', ratio: null }
}

function figure(value: number): number {
  return Number(value.toPrecision(3))
}

interface Measured {
  readonly turnsMs: readonly number[]
  /** Of a turn, in the mean: decisions for another number, and actions. */
  readonly decided: number
  readonly actions: number
  /** Of the last tick. */
  readonly bytes: number
  /** The heap after a turn, at most. */
  readonly peakBytes: number
}

async function measure(groups: number): Promise<Measured> {
  const folder = mkdtempSync(join(tmpdir(), 'plimsoll-bench-'))
  const store = openSqliteStore(folder)
  try {
    const run = new Run(groups, store)
    for (let n = 0; n < WARM_TURNS; n += 1) await run.turn()
    const turnsMs: number[] = []
    let [decided, actions, peakBytes, bytes] = [0, 0, 0, 0]
    for (let round = 0; round < ROUNDS; round += 1) {
      const { ms, made } = await run.turn()
      turnsMs.push(ms)
      decided += made.decisions.filter((d) => d.from !== d.to).length / ROUNDS
      actions += made.plan.actions.length / ROUNDS
      peakBytes = Math.max(peakBytes, process.memoryUsage().heapUsed)
      if (round === ROUNDS - 1) bytes = JSON.stringify(made).length
    }
    return { turnsMs, decided, actions, bytes, peakBytes }
  } finally {
    store.close()
    rmSync(folder, { recursive: true, force: true })
  }
}

/** The loop over one world, a turn a second. */
class Run {
  readonly #world = new MemoryWorld()
  readonly #observer = new Observer(this.#world)
  readonly #actor = new Actor(this.#world)
  readonly #store: Store
  readonly #spec: Spec
  #memory: Memory = EMPTY_MEMORY
  #id = 0

  constructor(groups: number, store: Store) {
    this.#store = store
    this.#spec = specOf(Array.from({ length: groups }, (_, i) => groupAt(i)))
    this.#world.provider.bootMs = 1_000
    for (const { name } of this.#spec.groups) this.#load(name, CALM_RPS)
    store.saveSpec(this.#spec)
  }

  /** One turn; what other groups than ever are given to carry is no part of it. */
  async turn(): Promise<{ readonly ms: number; readonly made: Tick }> {
    this.#world.clock.advance(this.#spec.intervalMs)
    const id = ++this.#id
    const [part, isBusy] = [id % ONE_IN, Math.floor(id / ONE_IN) % 2 === 0]
    for (const [i, { name }] of this.#spec.groups.entries()) {
      if (i % ONE_IN === part) this.#load(name, isBusy ? BUSY_RPS : CALM_RPS)
    }
    const input = { spec: this.#spec, memory: this.#memory, commands: [], storeWritable: true }
    const parts = { observer: this.#observer, actor: this.#actor, store: this.#store }
    const startMs = performance.now()
    const turned = await turn({ ...input, id }, parts)
    const ms = performance.now() - startMs
    if (turned.storeFault !== undefined) throw new Error(turned.storeFault.message)
    this.#memory = turned.memory
    return { ms, made: turned.tick }
  }

  #load(group: string, rps: number): void {
    this.#world.balancer.load.set(group, { ...LOAD, rps })
  }
}

// Nothing holds it back, so that it decides whenever its load changes.
function groupAt(i: number): GroupSpec {
  const base = groupSpec({ name: `group-${i}` })
  return { ...base, scaling: { ...base.scaling, settleMs: 0, cooldownMs: 0 } }
}
