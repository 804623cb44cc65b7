// Groups as processes of this machine. Every step is on disk before it is taken, so a restarted
// controller goes on where this one ended.
import { randomBytes } from 'node:crypto'
import { chmodSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { fault, PlimsollError } from '../../core/errors.ts'
import type {
  Action,
  Exit,
  Fault,
  GroupSpec,
  GroupStatus,
  Instance,
  Outcome,
} from '../../core/model.ts'
import type { Cancel, Clock, Provider } from '../../core/ports.ts'
import { findLeader, identify, signalGroup, sweep, verify, verifyAlive } from './identity.ts'
import { launch } from './launch.ts'
import { LogFiles } from './log-files.ts'
import { PortPlan, type PortUse } from './port-plan.ts'
import { allProcesses, type ProcessStat } from './procfs.ts'
import { isOnSocket, isReady } from './readiness.ts'
import { type InstanceRecord, Records } from './records.ts'
import { removeSocket, socketFolder, socketPath } from './sockets.ts'
import { findStrays, noncePrefix } from './strays.ts'
import { memoryOf, Usage } from './usage.ts'

/**
 * How often ends are looked for (they must be noticed within half a second) and readiness is
 * checked.
 */
const WATCH_MS = 200
const ROTATE_MS = 10_000
const LAST_LINES = 10
const INSTANCE_HOST = '127.0.0.1'

interface Options {
  readonly stateDir: string
  readonly clock: Clock
}

/** Instances as local processes, recorded below `stateDir`. */
export function createLocalProvider(options: Options): Provider {
  return new LocalProvider(options)
}

class LocalProvider implements Provider {
  readonly #clock: Clock
  readonly #records: Records
  readonly #logs: LogFiles
  readonly #prefix: string
  readonly #ports: PortPlan
  readonly #sockets: string | undefined
  readonly #usage = new Usage()
  readonly #instances = new Map<string, InstanceRecord>()
  readonly #details = new Map<string, string>()
  readonly #exits = new Map<string, Pick<Exit, 'code' | 'signal'>>()
  /** Children of this process whose exit was not told yet. */
  readonly #awaited = new Set<string>()
  readonly #groups = new Map<string, GroupSpec>()
  readonly #checking = new Set<string>()
  readonly #watch: NodeJS.Timeout
  #listener: () => void = () => {}
  #rotatedAtMs = 0
  #processes: readonly ProcessStat[] = []

  constructor({ stateDir, clock }: Options) {
    mkdirSync(stateDir, { recursive: true, mode: 0o700 })
    chmodSync(stateDir, 0o700)
    this.#clock = clock
    this.#records = new Records(join(stateDir, 'instances'))
    this.#prefix = noncePrefix(stateDir)
    this.#ports = new PortPlan(stateDir)
    this.#sockets = socketFolder(stateDir)
    this.#logs = new LogFiles(join(stateDir, 'logs'))
    this.#watch = setInterval(() => this.#look(), WATCH_MS)
  }

  async adopt(_cancel: Cancel): Promise<number> {
    const { records, broken } = this.#records.all()
    if (broken.length > 0) {
      const message = `instance records can't be read: ${broken.join(', ')}; see what runs, then remove them`
      throw new PlimsollError('E_STORE', message)
    }
    for (const record of records) {
      if (record.phase === 'exited') {
        this.#instances.set(record.id, record)
        continue
      }
      const identity = record.identity ?? findLeader(record.nonce, this.#logs.fileOf(record.id))
      // Planned but never started: nothing runs, nothing failed.
      if (identity === undefined) this.#end({ ...record, stopAsked: true })
      else this.#save({ ...record, identity })
    }
    const lost = { prefix: this.#prefix, logs: this.#logs.instances(), nowMs: this.#clock.now() }
    const strays = findStrays(lost, [...this.#instances.values()])
    for (const stray of strays) this.#save(stray)
    this.#look()
    return [...this.#instances.values()].filter((r) => r.phase !== 'exited').length
  }

  async observe(group: GroupSpec, _cancel: Cancel): Promise<GroupStatus> {
    this.#groups.set(group.name, group)
    const nowMs = this.#clock.monotonic()
    this.#processes = allProcesses()
    const all = [...this.#instances.values()]
    this.#usage.sample(
      this.#processes,
      all.flatMap((r) => r.identity?.pid ?? []),
      nowMs,
    )
    if (nowMs - this.#rotatedAtMs > ROTATE_MS) {
      this.#rotatedAtMs = nowMs
      this.#logs.rotate(new Set(all.map((r) => r.id)))
    }
    const own = all.filter((r) => r.group === group.name)
    return { kind: 'known', instances: own.map((r) => this.#view(r)) }
  }

  async ports(group: GroupSpec): Promise<readonly number[]> {
    return this.#ports.of(group, INSTANCE_HOST, this.#portsInUse(group.name))
  }

  #portsInUse(group: string): PortUse {
    const live = [...this.#instances.values()].filter((r) => r.phase !== 'exited')
    return {
      running: live.filter((r) => r.group === group).map((r) => r.port),
      taken: live.map((r) => r.port),
    }
  }

  async apply(action: Action, group: GroupSpec, _cancel: Cancel): Promise<Outcome> {
    this.#groups.set(group.name, group)
    if (action.kind === 'start-balancer' || action.kind === 'admit') {
      return { kind: 'skipped', action, reason: 'not for the provider' }
    }
    if (action.kind === 'start') {
      const failure = await this.#start(group, action.instance, action.generation)
      return failure ? { kind: 'failed', action, fault: failure } : { kind: 'applied', action }
    }
    const record = this.#instances.get(action.instance)
    if (record === undefined) return { kind: 'skipped', action, reason: 'it is not there' }
    const failure = this.#change(action.kind, record)
    return failure ? { kind: 'failed', action, fault: failure } : { kind: 'applied', action }
  }

  async logs(_group: string, instance: string, lines: number): Promise<readonly string[]> {
    return this.#logs.tail(instance, lines)
  }

  onChange(listener: () => void): void {
    this.#listener = listener
  }

  async close(): Promise<void> {
    clearInterval(this.#watch)
  }

  async #start(group: GroupSpec, id: string, generation: string): Promise<Fault | undefined> {
    if (this.#instances.has(id)) return undefined
    const nowMs = this.#clock.now()
    const use = this.#portsInUse(group.name)
    const port = await this.#ports.next(group, INSTANCE_HOST, use, nowMs)
    if (port === undefined) return fault('E_NO_PORT', 'no port is free for another instance', true)
    const socket = group.http && socketPath(this.#sockets, id)
    const record: InstanceRecord = {
      id,
      group: group.name,
      generation,
      nonce: `${this.#prefix}${randomBytes(16).toString('hex')}`,
      host: INSTANCE_HOST,
      port,
      ...(socket === undefined ? {} : { socket }),
      phase: 'starting',
      phaseAtMs: nowMs,
      startedAtMs: nowMs,
      wasReady: false,
      stopAsked: false,
    }
    // On disk before the process exists: whoever comes after can find it by its nonce.
    this.#save(record)
    return this.#launch(group, record)
  }

  async #launch(group: GroupSpec, record: InstanceRecord): Promise<Fault | undefined> {
    const log = this.#logs.open(record.id)
    const output = this.#logs.fileOf(record.id)
    const launched = await launch(group, record, log).finally(() => this.#logs.close(log))
    if (!launched.ok) {
      this.#forget(record.id)
      return launched.fault
    }
    this.#awaited.add(record.id)
    launched.child.once('exit', (code, signal) => {
      const exit = { ...(code === null ? {} : { code }), ...(signal === null ? {} : { signal }) }
      this.#exits.set(record.id, exit)
      this.#awaited.delete(record.id)
      const ended = this.#instances.get(record.id)
      if (ended !== undefined && ended.phase !== 'exited') this.#end(ended)
    })
    const found = identify(launched.pid, record.nonce, output)
    const identity = found && { ...found, uid: launched.uid }
    const current = this.#instances.get(record.id)
    // One that is gone already has no identity any more; its exit is told in a moment.
    if (identity === undefined || current === undefined || current.phase === 'exited') {
      return undefined
    }
    this.#save({ ...current, identity })
    return undefined
  }

  #change(kind: 'drain' | 'stop' | 'kill' | 'forget', record: InstanceRecord): Fault | undefined {
    if (kind === 'forget') {
      if (record.phase === 'exited') this.#forget(record.id)
      return undefined
    }
    if (record.phase === 'exited') return undefined
    // Life has one direction: what is being stopped is not drained any more.
    if (kind === 'drain' && record.phase === 'stopping') return undefined
    const phase = kind === 'drain' ? 'draining' : 'stopping'
    const phaseAtMs = phase === record.phase ? record.phaseAtMs : this.#clock.now()
    this.#save({ ...record, phase, phaseAtMs, stopAsked: kind !== 'drain' || record.stopAsked })
    return kind === 'drain'
      ? undefined
      : this.#signal(record, kind === 'stop' ? 'SIGTERM' : 'SIGKILL')
  }

  #signal(record: InstanceRecord, signal: 'SIGTERM' | 'SIGKILL'): Fault | undefined {
    if (record.identity === undefined) return undefined
    const verdict = signalGroup(record.identity, signal)
    if (verdict !== 'other') return undefined
    const message = `pid ${record.identity.pid} is not ${record.id} any more: not signalled`
    return fault('E_IDENTITY', message)
  }

  // One look at everything: who ended, who became ready.
  #look(): void {
    for (const record of this.#instances.values()) {
      if (record.phase === 'exited' || record.identity === undefined) continue
      const alive = verifyAlive(record.identity) === 'same'
      // Its own child's end is told by the exit event, which alone knows the code and the signal.
      if (!alive && !this.#awaited.has(record.id)) this.#end(record)
      else if (alive && record.phase === 'starting') this.#check(record)
    }
  }

  #check(record: InstanceRecord): void {
    const group = this.#groups.get(record.group)
    if (group === undefined || this.#checking.has(record.id)) return
    this.#checking.add(record.id)
    isReady(group, record, this.#clock.now())
      .then((readiness) => {
        const current = this.#instances.get(record.id)
        if (current?.phase !== 'starting') return
        if (!readiness.ready) this.#details.set(record.id, readiness.detail)
        else this.#becomeReady(current)
      })
      .catch((error: unknown) => this.#details.set(record.id, String(error)))
      .finally(() => this.#checking.delete(record.id))
  }

  #becomeReady(record: InstanceRecord): void {
    // Between the check and now somebody else may have taken the pid.
    if (record.identity === undefined || verify(record.identity) !== 'same') return
    this.#details.delete(record.id)
    const phaseAtMs = this.#clock.now()
    const isThere = isOnSocket(record)
    this.#save({ ...record, phase: 'ready', phaseAtMs, wasReady: true, isOnSocket: isThere })
    this.#listener()
  }

  #end(record: InstanceRecord): void {
    if (record.identity !== undefined) sweep(record.identity)
    const exit: Exit = {
      ...this.#exits.get(record.id),
      atMs: this.#clock.now(),
      wasReady: record.wasReady,
      expected: record.stopAsked,
      lastLines: this.#logs.tail(record.id, LAST_LINES),
    }
    this.#ports.released(record.port, exit.atMs)
    removeSocket(record.socket)
    this.#save({ ...record, phase: 'exited', phaseAtMs: exit.atMs, exit })
    this.#listener()
  }

  #forget(id: string): void {
    this.#instances.delete(id)
    this.#details.delete(id)
    this.#exits.delete(id)
    this.#records.remove(id)
  }

  #save(record: InstanceRecord): void {
    this.#instances.set(record.id, record)
    try {
      this.#records.write(record)
    } catch (error) {
      // A full disk must not stop a replacement: go on from memory, and let it be seen.
      this.#details.set(record.id, `its record can't be written: ${(error as Error).message}`)
    }
  }

  #view(record: InstanceRecord): Instance {
    const { id, group, phase, generation, host, port, startedAtMs, phaseAtMs, identity } = record
    const detail = this.#details.get(id)
    const gone = { kind: 'missing', reason: 'no process' } as const
    const session = phase === 'exited' ? undefined : identity?.pid
    return {
      ...{ id, group, phase, generation, host, port, startedAtMs, phaseAtMs },
      ...(record.isOnSocket && record.socket ? { socket: record.socket } : {}),
      ...(identity === undefined ? {} : { pid: identity.pid }),
      ...(detail === undefined ? {} : { detail }),
      ...(record.exit === undefined ? {} : { exit: record.exit }),
      ...(phase === 'starting' ? { lastLines: this.#logs.tail(id, LAST_LINES) } : {}),
      cpuPercent: session === undefined ? gone : this.#usage.cpuPercent(session),
      memoryBytes:
        session === undefined ? gone : memoryOf(this.#processes, session, this.#clock.now()),
    }
  }
}
