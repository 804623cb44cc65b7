// Fan-out with deadlines, fan-in to one Observation. What does not answer is missing, never zero.
import { fault } from '../core/errors.ts'
import type {
  Command,
  EpochMs,
  GroupObservation,
  GroupSpec,
  GroupStatus,
  Instance,
  Observation,
  Reading,
  Spec,
} from '../core/model.ts'
import type {
  Balancer,
  BalancerStatus,
  Clock,
  Gauge,
  Host,
  Metrics,
  Provider,
} from '../core/ports.ts'
import { withDeadline } from './deadline.ts'
import { type Answers, askMonitor, fromMonitor } from './monitor.ts'
import { CounterWindow, missing, type WindowReadings } from './window.ts'

/** A source that takes longer than this is missing for the turn. */
const SOURCE_MS = 2_000
/** CPU of an instance counts from this long after it became ready: booting is not load. */
const WARM_MS = 3_000

/** What an observation is gathered from. */
export interface Sources {
  readonly provider: Provider
  readonly balancer: Balancer
  readonly host: Host
  readonly gauge?: Gauge
  readonly clock: Clock
  readonly metrics?: Metrics
}

/** Looks at everything; keeps the counter windows between turns. */
export class Observer {
  readonly #sources: Sources
  readonly #windows = new Map<string, CounterWindow>()

  constructor(sources: Sources) {
    this.#sources = sources
  }

  async observe(
    spec: Spec,
    commands: readonly Command[],
    storeWritable: boolean,
  ): Promise<{ readonly observation: Observation; readonly balancer: BalancerStatus }> {
    const serves = spec.groups.some((g) => g.http !== undefined)
    const [statuses, balancer, hostCpuPercent, resources, answers] = await Promise.all([
      Promise.all(spec.groups.map((g) => this.#status(g))),
      serves ? this.#balancer() : notServed,
      this.#hostCpu(),
      this.#resources(spec),
      askMonitor(spec, this.#sources, SOURCE_MS),
    ])
    const atMs = this.#sources.clock.now()
    const served = servedBy(balancer)
    const groups = spec.groups.map((group, i) => {
      const status = statuses[i] ?? unknown('not observed')
      return this.#group(group, status, { ...served, answers, atMs })
    })
    const hostCores = this.#sources.host.cores
    const host = { hostCpuPercent, hostCores, ...(resources === undefined ? {} : { resources }) }
    return { observation: { atMs, groups, ...host, storeWritable, commands }, balancer }
  }

  async #status(group: GroupSpec): Promise<GroupStatus> {
    const { provider, clock } = this.#sources
    try {
      return await withDeadline(clock, 'the provider', SOURCE_MS, (s) => provider.observe(group, s))
    } catch (error) {
      return unknown((error as Error).message)
    }
  }

  async #balancer(): Promise<BalancerStatus> {
    const { balancer, clock } = this.#sources
    try {
      const status = await withDeadline(clock, 'the balancer', SOURCE_MS, (s) =>
        balancer.observe(s),
      )
      const garbled = status.kind === 'up' && !Array.isArray(status.groups)
      return garbled
        ? { kind: 'down', fault: fault('E_BALANCER', 'it answers garbage', true) }
        : status
    } catch (error) {
      return { kind: 'down', fault: fault('E_TIMEOUT', (error as Error).message, true) }
    }
  }

  async #hostCpu(): Promise<Reading> {
    const { host, clock } = this.#sources
    try {
      return sane(await withDeadline(clock, 'the host', SOURCE_MS, () => host.cpuPercent()))
    } catch (error) {
      return { kind: 'missing', reason: (error as Error).message }
    }
  }

  async #resources({ resources }: Spec): Promise<Observation['resources']> {
    const { gauge, clock } = this.#sources
    if (gauge === undefined || resources.length === 0) return undefined
    const read = resources.map(async (resource) => {
      const { name } = resource
      try {
        const reading = await withDeadline(clock, name, SOURCE_MS, (s) => {
          return gauge.saturation(resource, s)
        })
        return { name, saturation: sane(reading) }
      } catch (error) {
        return { name, saturation: { kind: 'missing', reason: (error as Error).message } as const }
      }
    })
    return Promise.all(read)
  }

  #group(group: GroupSpec, status: GroupStatus, world: World): GroupObservation {
    const { balancer, byGroup, answers, atMs } = world
    const asked = fromMonitor(group, status, answers)
    const cpuPercent = asked?.cpuPercent ?? meanCpu(status, atMs)
    const raw = { ...this.#window(group, world), cpuPercent }
    const readings = {
      inFlight: sane(raw.inFlight),
      rps: sane(raw.rps),
      p99Ms: sane(raw.p99Ms),
      errorsRatio: sane(raw.errorsRatio),
      badGatewayRatio: sane(raw.badGatewayRatio),
      shedRatio: sane(raw.shedRatio),
      responses: sane(raw.responses),
      cpuPercent: sane(raw.cpuPercent),
      ...(asked === undefined ? {} : { queries: mapped(asked.queries, sane) }),
    }
    const base = { group: group.name, status, readings }
    if (group.http === undefined) return base
    if (balancer.kind === 'down') {
      return { ...base, balancer: { kind: 'down', reason: balancer.fault.message } }
    }
    const targets = byGroup.get(group.name)?.targets ?? []
    return { ...base, balancer: { kind: 'up', targets } }
  }

  #window(group: GroupSpec, { balancer, byGroup, atMs }: Served): WindowReadings {
    if (group.http === undefined) return missing('the group serves no HTTP')
    if (balancer.kind === 'down') return missing(`the balancer is down: ${balancer.fault.message}`)
    const counters = byGroup.get(group.name)?.counters
    if (counters === undefined) return missing('the balancer does not know the group yet')
    const window = this.#windows.get(group.name) ?? new CounterWindow()
    this.#windows.set(group.name, window)
    window.add(balancer.startId, { monotonicMs: balancer.monotonicMs, counters })
    return window.readings(atMs)
  }
}

/** What the balancer says, by group, at the instant of the observation. */
interface Served {
  readonly balancer: BalancerStatus
  readonly byGroup: ReadonlyMap<string, OfGroup>
  readonly atMs: EpochMs
}

/** All that is seen beside the instances, from which a group takes its part. */
interface World extends Served {
  readonly answers: Answers
}

type OfGroup = Extract<BalancerStatus, { kind: 'up' }>['groups'][number]

function servedBy(balancer: BalancerStatus): Pick<Served, 'balancer' | 'byGroup'> {
  const groups = balancer.kind === 'up' ? balancer.groups : []
  return { balancer, byGroup: new Map(groups.map((g) => [g.group, g])) }
}

const notServed: BalancerStatus = {
  kind: 'down',
  fault: { code: 'E_BALANCER', message: 'no group serves HTTP', retryable: false },
}

function unknown(message: string): GroupStatus {
  return { kind: 'unknown', fault: fault('E_TIMEOUT', message, true) }
}

function meanCpu(status: GroupStatus, atMs: EpochMs): Reading {
  if (status.kind === 'unknown') return { kind: 'missing', reason: status.fault.message }
  const warm = status.instances.filter((i) => i.phase === 'ready' && atMs - i.phaseAtMs >= WARM_MS)
  if (warm.length === 0)
    return { kind: 'missing', reason: 'no instance was ready for three seconds' }
  const values = warm.flatMap((i: Instance) => {
    return i.cpuPercent.kind === 'value' && Number.isFinite(i.cpuPercent.value)
      ? [i.cpuPercent.value]
      : []
  })
  if (values.length === 0) return { kind: 'missing', reason: 'no instance has a CPU reading' }
  return { kind: 'value', value: values.reduce((sum, v) => sum + v, 0) / values.length, atMs }
}

// NaN and infinities are not JSON either: a stored tick must read back as it was decided.
function sane(reading: Reading): Reading {
  if (reading.kind === 'missing' || (Number.isFinite(reading.value) && reading.value >= 0))
    return reading
  return { kind: 'missing', reason: `the source answered ${reading.value}, which is no measure` }
}

function mapped(
  readings: Readonly<Record<string, Reading>>,
  change: (reading: Reading) => Reading,
): Readonly<Record<string, Reading>> {
  return Object.fromEntries(Object.entries(readings).map(([name, r]) => [name, change(r)]))
}
