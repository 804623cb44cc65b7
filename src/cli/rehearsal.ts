// What a backtest assumes of the application: from the command line, else from a group of the file,
// else as the benchmark has it.
import { shareRatio } from '../config/units.ts'
import { PlimsollError } from '../core/errors.ts'
import type { GroupSpec } from '../core/model.ts'
import { durationMs } from '../core/words/duration.ts'
import type { Traffic } from '../lab/traffic/csv.ts'
import { arrivalsOf, secondsOf } from '../lab/world/arrivals.ts'
import { PLANT, type PlantOptions, type World, worldOf } from '../lab/world/world.ts'
import { loadConfig, type PlaceOptions } from './place.ts'

/** The options that say what is assumed; each as it was given. */
export interface RehearsalOptions extends PlaceOptions {
  readonly group?: string
  readonly slo?: string
  readonly late?: string
  readonly service?: string
  readonly capacity?: string
  readonly boot?: string
  readonly drain?: string
  readonly seed?: string
}

/** What is assumed, and what of it nobody said. */
export interface Rehearsal {
  readonly sloMs: number
  /** Share of requests that may be late, 0 to 1. */
  readonly lateRatio: number
  readonly plant: Partial<PlantOptions> & Pick<PlantOptions, 'capacityRps' | 'bootS' | 'seed'>
  readonly notes: readonly string[]
}

const SLO_MS = 300
const LATE_RATIO = 0.001
/** A group of more instances than this is a mistake of units. */
const MOST_INSTANCES = 10_000

/** Puts it together. Throws E_USAGE, E_FILE_MISSING, E_FILE_INVALID, E_SLO_IMPOSSIBLE. */
export function rehearsalOf(options: RehearsalOptions): Rehearsal {
  const group = groupOf(options)
  const ms = (text: string | undefined, or: number) => (text === undefined ? or : durationMs(text))
  const sloMs = ms(options.slo, group?.slo.p99Ms ?? SLO_MS)
  const serviceMs = ms(options.service, PLANT.serviceS * 1_000)
  if (sloMs <= serviceMs) {
    const message = `one request alone takes ${serviceMs} ms, and the SLO is ${sloMs} ms`
    throw new PlimsollError('E_SLO_IMPOSSIBLE', message)
  }
  const perInstance = group?.signals.find((signal) => signal.kind === 'rps')?.target
  const capacityRps = Number(options.capacity ?? perInstance ?? PLANT.capacityRps)
  const { late } = options
  const lateRatio = late === undefined ? (group?.slo.lateRatio ?? LATE_RATIO) : shareRatio(late)
  return {
    sloMs,
    lateRatio,
    plant: {
      capacityRps,
      serviceS: serviceMs / 1_000,
      maxWaitS: (sloMs - serviceMs) / 1_000,
      bootS: ms(options.boot, PLANT.bootS * 1_000) / 1_000,
      drainS: Math.round(ms(options.drain, PLANT.drainS * 1_000) / 1_000),
      seed: Number(options.seed ?? PLANT.seed),
      ...boundsOf(group),
    },
    notes: group === undefined ? [] : assumed(group, options),
  }
}

function groupOf({ file, group: name, ...options }: RehearsalOptions): GroupSpec | undefined {
  if (file === undefined) {
    if (name === undefined) return undefined
    throw new PlimsollError('E_USAGE', '--group goes with --file')
  }
  const { groups } = loadConfig({ ...options, file }).config.spec
  const names = groups.map((group) => group.name).join(', ')
  if (name === undefined && groups.length > 1) {
    throw new PlimsollError('E_USAGE', `name one of its groups with --group: ${names}`)
  }
  const group = name === undefined ? groups[0] : groups.find((one) => one.name === name)
  if (group !== undefined) return group
  throw new PlimsollError(
    'E_USAGE',
    `there is no group ${JSON.stringify(name)}; there are ${names}`,
  )
}

function boundsOf(group: GroupSpec | undefined): Partial<PlantOptions> {
  if (group === undefined) return {}
  const { minInstances, maxInstances } = group.scaling
  return { minInstances: Math.max(1, minInstances), maxInstances }
}

function assumed({ name, signals, slo }: GroupSpec, options: RehearsalOptions): readonly string[] {
  const notes: string[] = []
  const hasRate = signals.some((signal) => signal.kind === 'rps')
  if (!hasRate && options.capacity === undefined) {
    notes.push(
      `${name} has no signal rps: ${PLANT.capacityRps} requests/s per instance are assumed`,
    )
  }
  if (slo.p99Ms === undefined && options.slo === undefined) {
    notes.push(`${name} has no slo.p99: ${SLO_MS}ms is assumed`)
  }
  return notes
}

/**
 * The world of a backtest, and what there is to say of it. Throws E_TRAFFIC_SHORT where the traffic
 * ends before an instance could help, E_TRAFFIC_INVALID where no group is so large.
 */
export function rehearsedWorld(
  { trace }: Traffic,
  { plant }: Rehearsal,
): { readonly world: World; readonly notes: readonly string[] } {
  const { capacityRps, bootS, seed } = plant
  const seconds = secondsOf(trace)
  if (seconds <= bootS) {
    const message = `the traffic lasts ${seconds} s, and a boot takes ${bootS} s`
    throw new PlimsollError('E_TRAFFIC_SHORT', message)
  }
  const peak = trace.rps.reduce((most, value) => Math.max(most, value), 0)
  const needed = Math.ceil(peak / capacityRps)
  const fleet = `the peak of ${Math.round(peak)} requests/s needs ${needed} instances`
  if (needed > MOST_INSTANCES) {
    const message = `${fleet} of ${capacityRps}; at most ${MOST_INSTANCES} are rehearsed`
    throw new PlimsollError('E_TRAFFIC_INVALID', message)
  }
  const layout = { multiplier: 1, mostS: Number.POSITIVE_INFINITY, seed }
  const world = worldOf(arrivalsOf(trace, layout), { ...PLANT, ...plant })
  const { maxInstances } = world
  const startInstances = Math.min(world.startInstances, maxInstances)
  const notes = needed > maxInstances ? [`${fleet}, and max_instances is ${maxInstances}`] : []
  return { world: { ...world, startInstances }, notes }
}
