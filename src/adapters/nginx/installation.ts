// One NGINX's files and what is known of it; changes are made under its lock only.
import { randomBytes, randomInt } from 'node:crypto'
import { chmodSync, readFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import type { Clock } from '../../core/ports.ts'
import { isAtLeast, nginxVersion, type WorkerAccount } from './binary.ts'
import { Control } from './control.ts'
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
/** The first version in which `http2 on` is a directive. */
const HTTP2_DIRECTIVE = [1, 25, 1]
const FILES = 16_384
/** So many masters back their workers may still have requests. */
const EPOCHS = 4
/** The access log's port lies below those that the kernel hands out by itself. */
const LOG_PORTS = { low: 18_000, high: 20_000 }

/** See the file's head. */
export class Installation {
  readonly #stateDir: string
  readonly #account: WorkerAccount | undefined
  readonly #nginx: string | undefined
  #hasHttp2Directive: boolean | undefined
  readonly clock: Clock
  paths: NginxPaths
  control: Control
  readonly #tcp: TcpConnections
  /** Kept where the disk is full. */
  #unsaved: NginxState | undefined

  constructor(
    stateDir: string,
    options: {
      readonly clock: Clock
      readonly account: WorkerAccount | undefined
      readonly nginx?: string | undefined
    },
  ) {
    this.#stateDir = stateDir
    this.#nginx = options.nginx
    this.#account = options.account
    this.clock = options.clock
    this.#tcp = new TcpConnections(options.account?.uid, () => options.clock.monotonic())
    this.paths = nginxPaths(stateDir, options.account?.gid)
    this.control = this.#controlOf(this.state())
  }

  /** Makes the folders anew, which a stop or a reboot took away. */
  prepare(): void {
    this.paths = nginxPaths(this.#stateDir, this.#account?.gid)
    makeBase(this.paths.run)
  }

  /** What is known; a fresh state where nothing is. After a reboot only the addresses count. */
  state(): NginxState {
    const state = this.#unsaved ?? readState(this.paths.state)
    if (state?.bootId === bootId()) return state
    const groups = (state?.groups ?? []).map((known) => {
      const { group, reach, addresses, slots, kept, certificate } = known
      const empty = { forwarders: {}, members: [], used: {} }
      const pair = certificate === undefined ? {} : { certificate }
      return { group: { ...group, targets: [] }, reach, addresses, slots, kept, ...pair, ...empty }
    })
    return {
      bootId: bootId(),
      generation: state?.generation ?? 1,
      epoch: state?.epoch ?? 0,
      logPort: randomInt(LOG_PORTS.low, LOG_PORTS.high),
      logToken: randomBytes(8).toString('hex'),
      groups,
    }
  }

  /** Speaks to the master of a state from now on. */
  follow(state: NginxState): void {
    this.control = this.#controlOf(state)
  }

  #controlOf(state: NginxState): Control {
    return new Control(controlSocket(this.paths.run, state.epoch))
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
    const account = this.#account
    const workers = Math.min(MOST_WORKERS, availableParallelism())
    const { run } = this.paths
    const hasHttp2Directive = this.#usesHttp2Directive(state)
    const files = openFiles()
    return renderConfig(state, { run, account, workers, files, hasHttp2Directive })
  }

  #usesHttp2Directive(state: NginxState): boolean {
    const nginx = this.#nginx
    if (nginx === undefined || state.groups.every((g) => g.certificate === undefined)) return false
    this.#hasHttp2Directive ??= isAtLeast(nginxVersion(nginx), HTTP2_DIRECTIVE)
    return this.#hasHttp2Directive
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
