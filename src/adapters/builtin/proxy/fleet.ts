// All groups that the process serves, and the way from one configuration to the next.

import { fault } from '../../../core/errors.ts'
import type { Fault } from '../../../core/model.ts'
import type { BalancerGroup, BalancerStatus } from '../../../core/ports.ts'
import { Group, type GroupEvents } from './group.ts'
import { Listener } from './listener.ts'

/** How often a listening address that could not be had is tried again, in milliseconds. */
const RETRY_LISTEN_MS = 1_000

type GroupsStatus = Extract<BalancerStatus, { kind: 'up' }>['groups']

/** The groups by name. */
export class Fleet {
  readonly #events: GroupEvents
  readonly #listeners = new Map<string, Listener>()
  /** Groups whose address could not be had yet. */
  readonly #deaf = new Map<string, Fault>()
  /** Removed ones whose requests are still in flight. */
  readonly #leaving = new Set<Listener>()
  #work: Promise<unknown> = Promise.resolve()
  #retry: NodeJS.Timeout | undefined

  constructor(events: GroupEvents) {
    this.#events = events
  }

  /**
   * Serves exactly these groups. Resolves once in force, with a fault for each that can't listen.
   */
  configure(groups: readonly BalancerGroup[]): Promise<readonly Fault[]> {
    const done = this.#work.then(() => this.#configure(groups))
    this.#work = done
    return done
  }

  status(): GroupsStatus {
    return [...this.#listeners.values()].map(({ group }) => ({
      group: group.config.group,
      targets: group.targetStatus(),
      counters: group.readCounters(),
    }))
  }

  /** Requests being served or waiting, those of removed groups included. */
  get inFlight(): number {
    const all = [...this.#listeners.values(), ...this.#leaving]
    return all.reduce((sum, { group }) => sum + group.counters.inFlight, 0)
  }

  /** Stops accepting everywhere; requests in flight and waiting go on. */
  stopAccepting(): void {
    clearTimeout(this.#retry)
    for (const listener of this.#listeners.values()) listener.stopAccepting()
  }

  async #configure(groups: readonly BalancerGroup[]): Promise<readonly Fault[]> {
    const wanted = new Map(groups.map((group) => [group.group, group]))
    for (const [name, listener] of this.#listeners) {
      const next = wanted.get(name)
      if (next && listener.isAt(next.listen)) continue
      this.#listeners.delete(name)
      this.#deaf.delete(name)
      this.#dismiss(listener)
    }
    for (const config of groups) {
      const known = this.#listeners.get(config.group)
      if (known) known.group.configure(config)
      else {
        const listener = new Listener(new Group(config, this.#events))
        this.#listeners.set(config.group, listener)
        this.#deaf.set(config.group, fault('E_PORT_IN_USE', 'not tried yet'))
      }
    }
    await this.#listen()
    return [...this.#deaf.values()]
  }

  /** Tries the addresses that are still missing, and again later where that fails. */
  async #listen(): Promise<void> {
    clearTimeout(this.#retry)
    for (const name of [...this.#deaf.keys()]) {
      const listener = this.#listeners.get(name)
      const error = await listener?.open()
      if (!listener || !error) this.#deaf.delete(name)
      else this.#deaf.set(name, listenFault(listener, error))
    }
    if (this.#deaf.size === 0) return
    this.#retry = setTimeout(() => {
      this.#work = this.#work.then(() => this.#listen())
    }, RETRY_LISTEN_MS)
  }

  #dismiss(listener: Listener): void {
    listener.close()
    for (const old of this.#leaving)
      if (old.group.counters.inFlight === 0) this.#leaving.delete(old)
    if (listener.group.counters.inFlight > 0) this.#leaving.add(listener)
  }
}

function listenFault(listener: Listener, error: NodeJS.ErrnoException): Fault {
  const { group, listen } = listener.group.config
  const where = `${listen.host}:${listen.port}`
  if (error.code === 'EADDRINUSE') {
    return fault('E_PORT_IN_USE', `group ${group} can't listen on ${where}: it is in use`, true)
  }
  return fault('E_BALANCER', `group ${group} can't listen on ${where}: ${error.message}`, true)
}
