// /metrics in Prometheus's text format: the state of the loop, read at each scrape.
import { Counter, Gauge, Registry } from 'prom-client'
import type { Service } from '../engine/service.ts'
import type { GroupView } from '../engine/view.ts'

interface GroupGauge {
  readonly name: string
  readonly help: string
  readonly value: (group: GroupView) => number | null
}

const GROUP_GAUGES: readonly GroupGauge[] = [
  { name: 'instances_desired', help: 'Instances the group should have', value: (g) => g.desired },
  { name: 'instances_ready', help: 'Instances that serve', value: (g) => g.ready },
  { name: 'instances', help: 'Instances in any phase', value: (g) => g.instances.length },
  {
    name: 'requests_in_flight',
    help: 'Requests served or waiting',
    value: (g) => of(g, 'in_flight'),
  },
  { name: 'requests_per_second', help: 'Requests arriving', value: (g) => of(g, 'rps') },
  { name: 'errors_ratio', help: 'Share of 5xx responses', value: (g) => of(g, 'errors_ratio') },
  {
    name: 'latency_p99_seconds',
    help: '99th percentile of latency over five seconds',
    value: (g) => scaled(of(g, 'p99_ms'), 0.001),
  },
  {
    name: 'cpu_cores',
    help: 'Mean CPU of the ready instances, in cores',
    value: (g) => scaled(of(g, 'cpu_percent'), 0.01),
  },
]

function of(group: GroupView, reading: string): number | null {
  return group.readings[reading]?.value ?? null
}

function scaled(value: number | null, factor: number): number | null {
  return value === null ? null : value * factor
}

// What queries give has a label of its own: names come from the file.
function addQueries(registry: Registry, service: Service): void {
  new Gauge({
    name: 'plimsoll_query_result',
    help: 'Totals that the monitor answered',
    labelNames: ['group', 'query'],
    registers: [registry],
    collect() {
      this.reset()
      for (const { group, readings } of service.status().groups) {
        for (const [name, { value }] of Object.entries(readings)) {
          const query = /^query\.(.*)$/.exec(name)?.[1]
          if (query !== undefined && value !== null) this.set({ group, query }, value)
        }
      }
    },
  })
}

/** A registry over a service; a missing reading has no sample, never a zero. */
export function createMetrics(service: Service): Registry {
  const registry = new Registry()
  for (const { name, help, value } of GROUP_GAUGES) {
    new Gauge({
      name: `plimsoll_${name}`,
      help,
      labelNames: ['group'],
      registers: [registry],
      collect() {
        this.reset()
        for (const group of service.status().groups) {
          const now = value(group)
          if (now !== null) this.set({ group: group.group }, now)
        }
      },
    })
  }
  new Counter({
    name: 'plimsoll_store_missing_ticks_total',
    help: 'Ticks since the start that could not be stored',
    registers: [registry],
    collect() {
      this.reset()
      this.inc(service.status().store.missing_ticks)
    },
  })
  new Gauge({
    name: 'plimsoll_last_tick',
    help: 'Number of the newest tick',
    registers: [registry],
    collect() {
      this.set(service.status().tick ?? 0)
    },
  })
  addQueries(registry, service)
  return registry
}
