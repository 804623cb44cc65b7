// Every port in memory over one clock: the world that tests and simulations turn the real loop in.
import type { Reading } from '../../core/model.ts'
import type { Gauge, Host } from '../../core/ports.ts'
import { MemoryBalancer } from './balancer.ts'
import { MemoryClock } from './clock.ts'
import { MemoryMetrics } from './metrics.ts'
import { MemoryProvider } from './provider.ts'
import { MemoryStore } from './store.ts'

/** The parts, each with its own ways to be broken. */
export class MemoryWorld {
  readonly clock = new MemoryClock()
  readonly provider = new MemoryProvider(this.clock)
  readonly balancer = new MemoryBalancer(this.clock)
  readonly store = new MemoryStore()
  readonly metrics = new MemoryMetrics(this.clock)
  /** Host CPU in percent; undefined for a reading that is missing. */
  hostCpu: number | undefined = 20
  readonly host: Host = { cores: 2, cpuPercent: async () => this.#hostReading() }

  /** How full each resource is, 0 to 1; undefined for a reading that is missing. */
  saturation: number | undefined = 0.3
  readonly gauge: Gauge = { saturation: async () => this.#reading(this.saturation) }

  #hostReading(): Reading {
    return this.#reading(this.hostCpu)
  }

  #reading(value: number | undefined): Reading {
    if (value === undefined) return { kind: 'missing', reason: 'out of order' }
    return { kind: 'value', value, atMs: this.clock.now() }
  }
}
