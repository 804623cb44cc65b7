// Instances that exist only as values: boot takes its time, anything can be made to die.
import { fault } from '../../core/errors.ts'
import type { Action, Exit, GroupSpec, GroupStatus, Instance, Outcome } from '../../core/model.ts'
import type { Cancel, Provider } from '../../core/ports.ts'
import type { MemoryClock } from './clock.ts'

/** Instances by id; time passes with the clock it was given. */
export class MemoryProvider implements Provider {
  /** How long a started instance takes to become ready. */
  bootMs = 2_000
  /** How long one takes to end after a stop. */
  stopMs = 500
  /** Makes every call answer that nothing can be seen or done. */
  unreachable = false
  /** Makes every started instance die before it is ready. */
  stillborn = false
  /** Makes no starting instance become ready. */
  stalls = false
  cpuPercent = 30
  readonly #clock: MemoryClock
  readonly #instances = new Map<string, Instance>()
  /** Ids by group, oldest first. */
  readonly #groups = new Map<string, Set<string>>()
  readonly #logs = new Map<string, string[]>()

  constructor(clock: MemoryClock) {
    this.#clock = clock
  }

  async observe(group: GroupSpec, _cancel: Cancel): Promise<GroupStatus> {
    if (this.unreachable) {
      return { kind: 'unknown', fault: fault('E_TIMEOUT', 'the provider is unreachable', true) }
    }
    const ids = [...(this.#groups.get(group.name) ?? [])]
    for (const id of ids) this.#pass(id)
    return { kind: 'known', instances: ids.flatMap((id) => this.#instances.get(id) ?? []) }
  }

  async apply(action: Action, _group: GroupSpec, _cancel: Cancel): Promise<Outcome> {
    if (this.unreachable) {
      return {
        kind: 'failed',
        action,
        fault: fault('E_TIMEOUT', 'the provider is unreachable', true),
      }
    }
    if (action.kind === 'start') return this.#start(action)
    if (action.kind === 'start-balancer' || action.kind === 'admit') {
      return { kind: 'skipped', action, reason: 'not for the provider' }
    }
    const instance = this.#instances.get(action.instance)
    if (instance === undefined) return { kind: 'skipped', action, reason: 'it is not there' }
    this.#change(action.kind, instance)
    return { kind: 'applied', action }
  }

  async adopt(_cancel: Cancel): Promise<number> {
    return this.all().filter((i) => i.phase !== 'exited').length
  }

  /** What happened to the instance, a line each. */
  async logs(_group: string, instance: string, lines: number): Promise<readonly string[]> {
    return (this.#logs.get(instance) ?? []).slice(-lines)
  }

  onChange(_listener: () => void): void {}

  async close(): Promise<void> {}

  /** Everything there is, oldest first. */
  all(): readonly Instance[] {
    return [...this.#instances.values()]
  }

  /** Ends an instance as a crash would. */
  crash(id: string): void {
    const instance = this.#instances.get(id)
    if (instance !== undefined) this.#end(instance, false)
  }

  /** Takes an instance away without a trace, as a lost machine would. */
  lose(id: string): void {
    const instance = this.#instances.get(id)
    if (instance !== undefined) this.#forget(instance)
  }

  #start(action: Extract<Action, { kind: 'start' }>): Outcome {
    if (this.#instances.has(action.instance)) return { kind: 'applied', action }
    const atMs = this.#clock.now()
    this.#logs.set(action.instance, ['starting'])
    const ids = this.#groups.get(action.group) ?? new Set()
    this.#groups.set(action.group, ids.add(action.instance))
    this.#instances.set(action.instance, {
      id: action.instance,
      group: action.group,
      generation: action.generation,
      phase: 'starting',
      host: '127.0.0.1',
      port: 20_000 + this.#instances.size,
      startedAtMs: atMs,
      phaseAtMs: atMs,
      cpuPercent: { kind: 'missing', reason: 'just started' },
      memoryBytes: { kind: 'missing', reason: 'just started' },
    })
    return { kind: 'applied', action }
  }

  // Life has one direction, and what has ended stays so until it is forgotten.
  #change(kind: 'drain' | 'stop' | 'kill' | 'forget', instance: Instance): void {
    const { phase } = instance
    if (kind === 'forget') {
      if (phase === 'exited') this.#forget(instance)
    } else if (phase === 'exited') return
    else if (kind === 'kill') this.#end(instance, true)
    else if (kind === 'stop') this.#enter(instance, 'stopping')
    else if (phase !== 'stopping') this.#enter(instance, 'draining')
  }

  #forget({ id, group }: Instance): void {
    this.#instances.delete(id)
    this.#groups.get(group)?.delete(id)
    this.#logs.delete(id)
  }

  // What time alone does: boots end, stops end.
  #pass(id: string): void {
    const instance = this.#instances.get(id)
    if (instance === undefined) return
    const nowMs = this.#clock.now()
    const ageMs = nowMs - instance.phaseAtMs
    if (instance.phase === 'starting' && ageMs >= this.bootMs && !this.stalls) {
      if (this.stillborn) this.#end(instance, false)
      else this.#enter(instance, 'ready')
    } else if (instance.phase === 'stopping' && ageMs >= this.stopMs) this.#end(instance, true)
    else if (instance.phase === 'ready') {
      const cpuPercent = { kind: 'value', value: this.cpuPercent, atMs: nowMs } as const
      this.#instances.set(instance.id, { ...instance, cpuPercent })
    }
  }

  #enter(instance: Instance, phase: Instance['phase']): void {
    const phaseAtMs = phase === instance.phase ? instance.phaseAtMs : this.#clock.now()
    if (phase !== instance.phase) this.#logs.get(instance.id)?.push(phase)
    this.#instances.set(instance.id, { ...instance, phase, phaseAtMs })
  }

  #end(instance: Instance, expected: boolean): void {
    if (instance.phase === 'exited') return
    const atMs = this.#clock.now()
    const wasReady = instance.phase !== 'starting'
    const exit: Exit = { code: expected ? 0 : 1, atMs, wasReady, expected, lastLines: [] }
    this.#instances.set(instance.id, { ...instance, phase: 'exited', phaseAtMs: atMs, exit })
  }
}
