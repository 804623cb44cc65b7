// Plimsoll's own core as a policy of the lab: what the plant shows becomes an observation, the real
// `decide` decides, the real `remember` keeps what came of it.
import { decide } from '../core/decide.ts'
import { EMPTY_MEMORY } from '../core/memory.ts'
import type {
  Decision,
  GroupSpec,
  Memory,
  Observation,
  Outcome,
  Reading,
  ScalingSpec,
  SignalSpec,
  SloSpec,
  Spec,
} from '../core/model.ts'
import { remember } from '../core/remember.ts'
import { Fleet, START_MS } from './plimsoll-fleet.ts'
import type { LabPolicy, PolicyMaker, Seen } from './policy.ts'
import type { World } from './world/world.ts'

/** What may be said of the group; the rest is as a file without it would have it. */
export interface PlimsollOptions {
  readonly scaling?: Partial<ScalingSpec>
  /** What an instance should carry; by default requests per second at SAFE_SHARE of capacity. */
  readonly signals?: readonly SignalSpec[]
  readonly slo?: SloSpec
  /** Seconds between two turns of the loop. */
  readonly tickS?: number
  /** Called with every decision. */
  readonly onDecision?: (observation: Observation, decision: Decision) => void
}

/** Utilisation aimed at where nothing is said: the threshold of a file without one. */
const SAFE_SHARE = 0.8
const SCALING = { thresholdPercent: 80, cooldownMs: 5_000 }
/** Rate and requests in flight are read over a second, the rest over five, as the engine does. */
const SHORT_S = 1
const LONG_S = 5
const GROUP = 'web'

/**
 * The specification of one group `web` in a world. It is without HTTP: nobody fails a check in the
 * plant, so that what judges checks has nothing to do.
 */
export function specFor(world: World, options: PlimsollOptions = {}): Spec {
  const { minInstances, maxInstances, capacityRps } = world
  const target = capacityRps * SAFE_SHARE
  const p99Ms = Math.round((world.maxWaitS + world.serviceS) * 1_000)
  const group: GroupSpec = {
    name: GROUP,
    mode: 'enforce',
    run: RUN,
    slo: options.slo ?? { p99Ms },
    scaling: { ...SCALING, minInstances, maxInstances, ...options.scaling },
    signals: options.signals ?? [{ kind: 'rps', target }],
    needs: [],
  }
  const intervalMs = (options.tickS ?? 1) * 1_000
  return { app: 'lab', hash: 'lab', intervalMs, groups: [group], resources: [] }
}

const RUN: GroupSpec['run'] = {
  command: ['server'],
  shell: false,
  cwd: '/',
  env: {},
  startTimeoutMs: 600_000,
  stopTimeoutMs: 60_000,
  hash: 'lab',
}

/** The core with one group, fed by what it sees of the plant. */
export function plimsollPolicy(options: PlimsollOptions = {}): PolicyMaker {
  return (world) => {
    const spec = specFor(world, options)
    const observer = new PlantObserver(spec.groups[0]?.scaling.thresholdPercent ?? 100)
    let memory: Memory = EMPTY_MEMORY
    const policy: LabPolicy = {
      pipeline: { periodS: 1, lagS: 0 },
      everyS: options.tickS ?? 1,
      decide: (seen) => {
        const observation = observer.observe(seen)
        const decided = decide(spec, observation, memory)
        const decision = decided.decisions[0]
        memory = decided.memory
        if (decision === undefined) return Number.NaN
        options.onDecision?.(observation, decision)
        if (decision.to > seen.wanted) {
          const outcomes = [started(observer.lastNumber + decision.to - seen.wanted)]
          memory = remember(memory, decided.decisions, outcomes, observation.atMs)
        }
        return decision.to
      },
    }
    return policy
  }
}

function started(number: number): Outcome {
  const instance = `${GROUP}-${number}`
  const action = { kind: 'start', group: GROUP, instance, generation: 'lab.0', reason: '' } as const
  return { kind: 'applied', action }
}

/** Turns what the plant shows into observations. */
export class PlantObserver {
  readonly #fleet = new Fleet(GROUP)
  readonly #fullPercent: number

  /** `fullPercent` is the CPU of an instance that carries what it can. */
  constructor(fullPercent: number) {
    this.#fullPercent = fullPercent
  }

  /** The highest number that an instance was given so far. */
  get lastNumber(): number {
    return this.#fleet.lastNumber
  }

  observe(seen: Seen): Observation {
    const atMs = START_MS + seen.nowS * 1_000
    const instances = this.#fleet.at(seen)
    const reading = (value: number): Reading =>
      Number.isNaN(value) ? UNKNOWN : { kind: 'value', value, atMs }
    const inFlight = seen.inFlight(SHORT_S)
    const rps = seen.rps(SHORT_S)
    const capacity = seen.ready * seen.capacityRps
    const waiting = Math.max(0, inFlight - Math.min(rps, capacity) * seen.serviceS)
    const p99Ms = capacity === 0 ? Number.NaN : (waiting / capacity + seen.serviceS) * 1_000
    const readings = {
      inFlight: reading(inFlight),
      rps: reading(rps),
      p99Ms: reading(p99Ms),
      errorsRatio: reading(0),
      cpuPercent: reading(seen.busy(LONG_S) * this.#fullPercent),
    }
    return {
      atMs,
      groups: [
        {
          group: GROUP,
          status: { kind: 'known', instances },
          readings,
        },
      ],
      hostCpuPercent: NO_HOST,
      hostCores: 1,
      storeWritable: true,
      commands: [],
    }
  }
}

const UNKNOWN: Reading = { kind: 'missing', reason: 'nothing was measured yet' }
const NO_HOST: Reading = { kind: 'missing', reason: 'instances have machines of their own' }

/** A variant of Plimsoll: its defaults, and the settings of its one knob that make its front. */
export interface PlimsollVariant {
  readonly name: string
  readonly defaults: PolicyMaker
  /** Its defaults, told which share of demand may be late, where it can be told. */
  readonly at?: (lateRatio: number) => PolicyMaker
  readonly front: readonly { readonly knob: string; readonly make: PolicyMaker }[]
}

const LATE_SHARES = [0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.03, 0.1]

/** The policy `demand`, which is told what an instance carries and which share may be late. */
export function demandAt(lateRatio?: number): PolicyMaker {
  return (world) => {
    const { capacityRps, maxWaitS, serviceS } = world
    const signals = [{ kind: 'rps', target: capacityRps }] as const
    const p99Ms = Math.round((maxWaitS + serviceS) * 1_000)
    const slo = { p99Ms, ...(lateRatio === undefined ? {} : { lateRatio }) }
    return plimsollPolicy({ signals, slo })(world)
  }
}

const TARGET_SHARES = [0.3, 0.4, 0.5, 0.6, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95]

/** The policy `target` on requests per second at a share of an instance's capacity. */
export function targetAt(share: number): PolicyMaker {
  return (world) => {
    const signal = { kind: 'rps', target: world.capacityRps * share } as const
    const scaling = { thresholdPercent: 100, policy: 'target' } as const
    return plimsollPolicy({ signals: [signal], scaling })(world)
  }
}

/** Plimsoll's variants, as `--policies` calls them; the last one is what a group gets unasked. */
export const PLIMSOLL: readonly PlimsollVariant[] = [
  {
    name: 'plimsoll-target',
    defaults: targetAt(SAFE_SHARE),
    front: TARGET_SHARES.map((share) => ({
      knob: `${Math.round(share * 100)} %`,
      make: targetAt(share),
    })),
  },
  {
    name: 'plimsoll',
    defaults: demandAt(),
    at: demandAt,
    front: LATE_SHARES.map((share) => ({
      knob: `${share * 100} % late`,
      make: demandAt(share),
    })),
  },
]
