// Every port in memory over one clock: the world that tests and simulations turn the real loop in.
import type { Reading } from '../../core/model.ts'
import type { Host } from '../../core/ports.ts'
import { MemoryBalancer } from './balancer.ts'
import { MemoryClock } from './clock.ts'
import { MemoryProvider } from './provider.ts'
import { MemoryStore } from './store.ts'

/** The parts, each with its own ways to be broken. */
export class MemoryWorld {
  readonly clock = new MemoryClock()
  readonly provider = new MemoryProvider(this.clock)
  readonly balancer = new MemoryBalancer(this.clock)
  readonly store = new MemoryStore()
  /** Host CPU in percent; undefined for a reading that is missing. */
  hostCpu: number | undefined = 20
  readonly host: Host = { cores: 2, cpuPercent: async () => this.#hostReading() }

  #hostReading(): Reading {
    if (this.hostCpu === undefined) return { kind: 'missing', reason: 'out of order' }
    return { kind: 'value', value: this.hostCpu, atMs: this.clock.now() }
  }
}
