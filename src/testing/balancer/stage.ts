// What each test of the balancer's conformance suite stands on: a balancer, a group, instances.
import { strict as assert } from 'node:assert'
import type { AddressInfo } from 'node:net'
import { createServer } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import type { TargetStatus } from '../../core/model.ts'
import type { Balancer, BalancerCounters, BalancerGroup, BalancerTarget } from '../../core/ports.ts'
import { TestInstance } from './test-instance.ts'

/** A balancer under test. */
export interface BalancerSubject {
  readonly balancer: Balancer
  /** Ends its process the hard way, as `kill -9` does, and resolves when it is gone. */
  kill(): Promise<void>
  /** Another controller's view of the same balancer, for adoption. */
  another(): Balancer
  /** A folder for Unix sockets, where the instances are to listen on those instead of ports. */
  readonly sockets?: string
  /** Whether a balancer is told beforehand which ports the instances are going to have. */
  readonly arePortsKnown?: boolean
  /** Ends everything and removes its files. */
  dispose(): Promise<void>
}

/** Ports that a balancer is told beforehand. */
const KNOWN_PORTS = 8

/** A signal that never aborts. */
export const NEVER: AbortSignal = new AbortController().signal

/** A group `web` on a free port, and the instances of one test. */
export class Stage {
  readonly subject: BalancerSubject
  #port = 0
  #ports: readonly number[] = []
  #started = 0
  #group: BalancerGroup | undefined
  readonly #instances: TestInstance[] = []

  constructor(subject: BalancerSubject) {
    this.subject = subject
  }

  get balancer(): Balancer {
    return this.subject.balancer
  }

  get port(): number {
    return this.#port
  }

  /** Starts instances named `web-1` and so on. */
  async instances(count: number): Promise<TestInstance[]> {
    const started: TestInstance[] = []
    for (let n = 0; n < count; n += 1) {
      const name = `web-${this.#instances.length + 1}`
      const { sockets, arePortsKnown } = this.subject
      if (arePortsKnown && this.#ports.length === 0) this.#ports = await freePorts(KNOWN_PORTS)
      this.#started += 1
      const instance = await TestInstance.start(name, {
        ...(sockets === undefined ? {} : { socket: `${sockets}/${this.#started}.sock` }),
        ...(arePortsKnown ? { port: this.#ports[this.#instances.length] ?? 0 } : {}),
      })
      this.#instances.push(instance)
      started.push(instance)
    }
    return started
  }

  /** Serves the targets; settings stay as they were unless given. */
  async serve(targets: readonly BalancerTarget[], change: Partial<BalancerGroup> = {}) {
    if (this.#port === 0) this.#port = await freePort()
    this.#group = this.group({ ...change, targets })
    assert.equal(await this.balancer.configure([this.#group], NEVER), undefined)
  }

  /** The group as it was served last, with a change that is not put in force. */
  group(change: Partial<BalancerGroup>): BalancerGroup {
    return {
      targets: [],
      group: 'web',
      listen: { host: '127.0.0.1', port: this.#port },
      balance: 'round_robin',
      health: '/healthz',
      maxInFlight: 50,
      queueTimeoutMs: 5_000,
      maxBodyBytes: 1_000_000,
      timeoutMs: 10_000,
      trustForwarded: false,
      ...this.#group,
      ports: this.#ports,
      ...change,
    }
  }

  async counters(): Promise<BalancerCounters> {
    return (await this.#observed()).counters
  }

  async target(instance: TestInstance): Promise<TargetStatus> {
    const { targets } = await this.#observed()
    const found = targets.find((target) => target.instance === instance.name)
    assert.ok(found, `${instance.name} is not a target`)
    return found
  }

  /** Ends the test: nothing is served, and its instances are gone. */
  async clear(): Promise<void> {
    await this.balancer.configure([], NEVER)
    for (const instance of this.#instances.splice(0)) await instance.die()
    this.#port = 0
    this.#ports = []
    this.#group = undefined
  }

  async #observed() {
    const status = await this.balancer.observe(NEVER)
    assert.equal(status.kind, 'up', JSON.stringify(status))
    const group = status.groups.find(({ group }) => group === 'web')
    assert.ok(group, 'the group is not observed')
    return group
  }
}

/** Waits until `holds`, looking every 20 ms; fails after `withinMs`. */
export async function until(
  what: string,
  holds: () => boolean | Promise<boolean>,
  withinMs = 15_000,
): Promise<void> {
  const endAtMs = performance.now() + withinMs
  while (!(await holds())) {
    assert.ok(performance.now() < endAtMs, `not within ${withinMs} ms: ${what}`)
    await sleep(20)
  }
}

/** A port that was free a moment ago. */
export async function freePort(): Promise<number> {
  const [port] = await freePorts(1)
  return port ?? 0
}

/** So many different free ports of 127.0.0.1. */
async function freePorts(count: number): Promise<readonly number[]> {
  const servers = Array.from({ length: count }, () => createServer())
  const ports: number[] = []
  for (const server of servers) {
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    ports.push((server.address() as AddressInfo).port)
  }
  for (const server of servers) await new Promise((resolve) => server.close(resolve))
  return ports
}
