// One NGINX's files and what is known of it; changes are made under its lock only.
import { randomBytes, randomInt } from 'node:crypto'
import { chmodSync, readFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { fault } from '../../core/errors.ts'
import type { Fault } from '../../core/model.ts'
import type { Cancel, Clock } from '../../core/ports.ts'
import { featuresOf, type WorkerAccount } from './binary.ts'
import { Control } from './control.ts'
import { withLock } from './lock.ts'
import { type NginxPaths, nginxPaths } from './paths.ts'
import { bootId } from './process.ts'
import { type GroupState, type NginxState, readState, writeWhole } from './state.ts'
import { latePools, type Now, withForwarders, withPool } from './targets/groups.ts'
import {
  choose,
  controlSocket,
  fillPool,
  forwarderSocket,
  leave,
  linkForwarder,
  makeBase,
} from './targets/links.ts'
import { TcpConnections, unixConnections } from './watch/connections.ts'
import { renderConfig } from './written/config.ts'
import { targetAddress } from './written/grammar.ts'

const MOST_WORKERS = 8
const FILES = 16_384
/** So many masters back their workers may still have requests. */
const EPOCHS = 4
/** The access log's port lies below those that the kernel hands out by itself. */
const LOG_PORTS = { low: 18_000, high: 20_000 }

/** What tells one kind of NGINX from another: where its files are, and what is written for it. */
export interface Home {
  /** Makes the folders that are missing. */
  paths(): NginxPaths
  render(state: NginxState, paths: NginxPaths): string
  control(state: NginxState, paths: NginxPaths): Control
  /** The user of its workers; undefined where all users' connections count as its own. */
  uid(): number | undefined
  /** Whether what is written stays in force when the machine starts anew. */
  readonly isLasting: boolean
}

/** A prefix of our own in a state folder. */
export function ownHome(
  stateDir: string,
  { account, nginx }: { readonly account: WorkerAccount | undefined; readonly nginx?: string },
): Home {
  const workers = Math.min(MOST_WORKERS, availableParallelism())
  const features = featuresOf(() => nginx)
  return {
    paths: () => nginxPaths(stateDir, account?.gid),
    render: (state, { run }) => {
      const settings = { run, account, workers, files: openFiles() }
      return renderConfig(state, { ...settings, ...features() })
    },
    control: ({ epoch }, { run }) => {
      return new Control({ at: { socketPath: controlSocket(run, epoch) }, name: 'control' })
    },
    uid: () => account?.uid,
    isLasting: false,
  }
}

/** See the file's head. */
export class Installation {
  readonly #home: Home
  readonly clock: Clock
  paths: NginxPaths
  control: Control
  #tcp: TcpConnections
  /** Kept where the disk is full. */
  #unsaved: NginxState | undefined

  constructor(home: Home, clock: Clock) {
    this.#home = home
    this.clock = clock
    this.#tcp = new TcpConnections(home.uid(), () => clock.monotonic())
    this.paths = home.paths()
    this.control = home.control(this.state(), this.paths)
  }

  /** Makes the folders anew, which a stop or a reboot took away. */
  prepare(): void {
    this.paths = this.#home.paths()
    this.#tcp = new TcpConnections(this.#home.uid(), () => this.clock.monotonic())
    makeBase(this.paths.run)
  }

  /** What is known; a fresh state where nothing is. After a reboot only the addresses count. */
  state(): NginxState {
    const state = this.#unsaved ?? readState(this.paths.state)
    if (state?.bootId === bootId()) return state
    const groups = (state?.groups ?? []).map(({ pool: _gone, ...known }) => {
      const group = { ...known.group, targets: [] }
      return { ...known, group, forwarders: {}, members: [], used: {} }
    })
    const { logPort, logToken } = (this.#home.isLasting && state) || newLog()
    const { generation = 1, epoch = 0 } = state ?? {}
    return { bootId: bootId(), generation, epoch, logPort, logToken, groups }
  }

  /** Speaks to the master of a state from now on. */
  follow(state: NginxState): void {
    this.control = this.#home.control(state, this.paths)
  }

  save(state: NginxState): void {
    try {
      writeWhole(this.paths.state, JSON.stringify(state))
      this.#unsaved = undefined
    } catch {
      // A full disk must not keep an instance out of rotation, or in it: go on from memory.
      this.#unsaved = state
    }
  }

  /** Makes a change alone: another controller, or another change of this one, waits. */
  async locked(
    cancel: Cancel,
    change: () => Promise<Fault | undefined>,
  ): Promise<Fault | undefined> {
    try {
      return await withLock(this.paths.lock, { clock: this.clock, cancel }, change)
    } catch (error) {
      return fault('E_BALANCER', (error as Error).message, true)
    }
  }

  /** Counts the connections that NGINX has. */
  counts(): Counts {
    const direct = this.state().groups.filter(({ reach }) => reach === 'direct')
    const isDraining = direct.some(({ group }) => group.targets.some((t) => t.state === 'draining'))
    const tcp = direct.length === 0 ? undefined : this.#tcp.counts(isDraining)
    return { unix: unixConnections(), tcp }
  }

  forget(): void {
    this.#unsaved = undefined
  }

  render(state: NginxState): string {
    return this.#home.render(state, this.paths)
  }

  /** Has a generation's workers ask all clients to leave, until targets are applied. */
  leave(generation: number): void {
    const { run } = this.paths
    for (const { group, pool } of this.state().groups) {
      if (pool !== undefined) leave(run, { group: group.group, pool }, generation)
    }
  }

  /** Brings the links of all groups in line with their targets and the health of those. */
  applyTargets(now: Now): void {
    const state = this.state()
    const groups = state.groups.map((group) => this.#applyGroup(group, state.epoch, now))
    if (groups.some((group, i) => group !== state.groups[i])) this.save({ ...state, groups })
  }

  #applyGroup(before: GroupState, epoch: number, now: Now): GroupState {
    const { run } = this.paths
    const state = withForwarders(before, now)
    const { group } = state.group
    for (const target of state.group.targets) {
      const forwarder = state.forwarders[target.instance]
      if (target.socket !== undefined) openToWorkers(target.socket)
      else if (forwarder !== undefined) {
        linkForwarder({ run, group, forwarder, address: targetAddress(target) })
      }
    }
    const after = withPool(state, now)
    const sockets = after.members.flatMap((member) => socketOf(after, member, { run, epoch }) ?? [])
    if (after.pool !== undefined) fillPool(run, { group, pool: after.pool }, sockets)
    choose(run, group, after.pool)
    for (const pool of latePools(after, now)) fillPool(run, { group, pool }, sockets)
    return after === state && sameForwarders(before, state) ? before : after
  }
}

/** Connections as the kernel counts them. */
export interface Counts {
  readonly unix: ReadonlyMap<string, number>
  readonly tcp: ReadonlyMap<string, number> | undefined
}

/** Connections to an instance, those through an earlier master's workers included. */
export function connectionsTo(
  state: GroupState,
  instance: string,
  options: {
    readonly run: string
    readonly epoch: number
    readonly counts: Counts
  },
): number | undefined {
  const { run, epoch } = options
  const target = state.group.targets.find((one) => one.instance === instance)
  if (state.reach === 'direct' && target !== undefined) {
    return options.counts.tcp && (options.counts.tcp.get(targetAddress(target)) ?? 0)
  }
  const counts = options.counts.unix
  const epochs = Array.from({ length: EPOCHS }, (_, n) => epoch - n)
  const sockets = new Set(epochs.map((one) => socketOf(state, instance, { run, epoch: one })))
  const found = [...sockets].flatMap((socket) => counts.get(socket ?? '') ?? [])
  return found.length === 0 ? undefined : found.reduce((sum, count) => sum + count, 0)
}

/** The Unix socket over which NGINX reaches an instance; undefined for one it does not know. */
export function socketOf(
  state: GroupState,
  instance: string,
  at: { readonly run: string; readonly epoch: number },
): string | undefined {
  const target = state.group.targets.find((one) => one.instance === instance)
  if (target?.socket !== undefined) return target.socket
  const forwarder = state.forwarders[instance]
  return forwarder === undefined ? undefined : forwarderSocket(at, state.group.group, forwarder)
}

function newLog(): Pick<NginxState, 'logPort' | 'logToken'> {
  const logPort = randomInt(LOG_PORTS.low, LOG_PORTS.high)
  return { logPort, logToken: randomBytes(8).toString('hex') }
}

function sameForwarders(a: GroupState, b: GroupState): boolean {
  return JSON.stringify(a.forwarders) === JSON.stringify(b.forwarders)
}

// Made by the application's user: the folder around it is what protects it.
function openToWorkers(socket: string): void {
  if (process.getuid?.() !== 0) return
  try {
    chmodSync(socket, 0o666)
  } catch {
    // It is gone already: the health check says so.
  }
}

/** As many open files as the system lets us have, up to what is of use. */
function openFiles(): number {
  try {
    const hard = /^Max open files\s+\S+\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))
    return Math.min(FILES, Number(hard?.[1] ?? 1_024))
  } catch {
    // Not Linux: the least that every system gives.
    return 1_024
  }
}
