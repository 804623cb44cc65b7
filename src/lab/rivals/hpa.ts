// The Kubernetes Horizontal Pod Autoscaler v2. Arithmetic: pkg/controller/podautoscaler
// (replica_calculator.go, horizontal.go) and pkg/apis/autoscaling/v2/defaults.go.
import type { LabPolicy, Pipeline, PolicyMaker, Rival, Seen, Setting } from '../policy.ts'
import { PeakWindow } from './peak-window.ts'

/** Seconds between two syncs. */
const SYNC_S = 15
const TOLERANCE = 0.1
/** Default target: percent of the CPU request. */
const DEFAULT_TARGET = 0.8
/** Default stabilization of scale-in. */
const DEFAULT_SETTLE_S = 300
/** The kubelet is scraped every 15 s over a window of about that length, and some 10 s late. */
const METRICS: Pipeline = { periodS: 15, lagS: 10 }
const WINDOW_S = 15

/** What one sync knows of CPU. */
export interface CpuSync {
  /** Mean utilisation of the pods that are measured, percent of the request. */
  readonly percent: number
  /** Pods with a clean sample, and those that are not ready or too young for one. */
  readonly measured: number
  readonly unready: number
  /** Replicas of the scale target. */
  readonly current: number
  /** Percent aimed at. */
  readonly target: number
}

/** Replicas for a resource metric; NaN where no pod is measured (the sync fails then). */
export function replicasForCpu({ percent, measured, unready, current, target }: CpuSync): number {
  if (measured === 0 || Number.isNaN(percent)) return Number.NaN
  const ratio = Math.trunc(percent + EPSILON) / target
  if (unready === 0 || ratio <= 1) {
    return isWithin(ratio) ? current : Math.ceil(ratio * measured - EPSILON)
  }
  // Pods that are not ready count as using nothing, which damps a repeated scale-out.
  const all = measured + unready
  const damped = Math.trunc((percent * measured) / all + EPSILON) / target
  if (isWithin(damped) || damped < 1) return current
  return Math.max(current, Math.ceil(damped * all - EPSILON))
}

/** Replicas for an external metric with a value per replica: `total` over `perReplica`. */
export function replicasForAverage(total: number, perReplica: number, current: number): number {
  const ratio = total / (perReplica * current)
  return isWithin(ratio) ? current : Math.ceil(total / perReplica - EPSILON)
}

// Sums of fractions must not round up by themselves.
const EPSILON = 1e-9

function isWithin(ratio: number): boolean {
  return ratio >= 1 - TOLERANCE && ratio <= 1 + TOLERANCE
}

/** A scaling policy of `behavior`: so many pods, or so many percent, per period. */
export interface Pace {
  readonly type: 'Pods' | 'Percent'
  readonly value: number
}

/** Most replicas that scale-out may reach from `start`, by the most generous pace. */
export function upLimit(start: number, paces: readonly Pace[]): number {
  const limits = paces.map(({ type, value }) =>
    type === 'Pods' ? start + value : Math.ceil(start * (1 + value / 100) - EPSILON),
  )
  return Math.max(...limits)
}

/** Fewest replicas that scale-in may reach from `start`, by the most generous pace. */
export function downLimit(start: number, paces: readonly Pace[]): number {
  const limits = paces.map(({ type, value }) =>
    type === 'Pods' ? start - value : Math.trunc(start * (1 - value / 100) + EPSILON),
  )
  return Math.min(...limits)
}

const UP: readonly Pace[] = [
  { type: 'Pods', value: 4 },
  { type: 'Percent', value: 100 },
]
const DOWN: readonly Pace[] = [{ type: 'Percent', value: 100 }]

/** Stabilization, then the limits of `behavior`: what becomes of a proposal. */
export class Normalizer {
  readonly #peak: PeakWindow

  constructor(settleS: number) {
    this.#peak = new PeakWindow(settleS)
  }

  /** Syncs are as far apart as the period of the default paces, so each begins anew. */
  normalize(nowS: number, proposal: number, seen: Seen): number {
    const bounded = Math.min(seen.max, Math.max(seen.min, proposal))
    const held = this.#peak.add(nowS, bounded)
    const wanted = bounded >= seen.wanted ? bounded : Math.min(seen.wanted, held)
    return Math.max(downLimit(seen.wanted, DOWN), Math.min(upLimit(seen.wanted, UP), wanted))
  }
}

function cpuPolicy({ target, settleS }: Setting): LabPolicy {
  const normalizer = new Normalizer(settleS)
  const decide = (seen: Seen): number => {
    const sampleS = seen.nowS - seen.sampleAgeS
    // A pod counts from its first whole window after it became ready.
    let clean = 0
    for (const { readyAtS } of seen.instances('ready')) {
      if (readyAtS <= sampleS - WINDOW_S) clean += 1
    }
    const proposal = replicasForCpu({
      percent: seen.busy(WINDOW_S) * 100,
      measured: clean,
      unready: seen.wanted - clean,
      current: seen.wanted,
      target: target * 100,
    })
    return Number.isNaN(proposal) ? proposal : normalizer.normalize(seen.nowS, proposal, seen)
  }
  return { pipeline: METRICS, everyS: SYNC_S, decide }
}

/** What differs between sources of an external metric. */
export interface ExternalSource {
  readonly pipeline: Pipeline
  readonly windowS: number
}

/** An HPA on requests per second, as `AverageValue` of an external metric. */
export function externalPolicy(source: ExternalSource, { target, settleS }: Setting): LabPolicy {
  const normalizer = new Normalizer(settleS)
  const decide = (seen: Seen): number => {
    const total = seen.rps(source.windowS)
    if (Number.isNaN(total)) return total
    const proposal = replicasForAverage(total, target * seen.capacityRps, seen.wanted)
    return normalizer.normalize(seen.nowS, proposal, seen)
  }
  return { pipeline: source.pipeline, everyS: SYNC_S, decide }
}

const DEFAULTS: Setting = { target: DEFAULT_TARGET, settleS: DEFAULT_SETTLE_S }

function maker(build: (setting: Setting) => LabPolicy) {
  return (setting: Setting): PolicyMaker =>
    () =>
      build(setting)
}

/** HPA on CPU, the metric that it uses unless told otherwise. */
export const hpaCpu: Rival = {
  name: 'hpa-cpu',
  defaults: maker(cpuPolicy)(DEFAULTS),
  tuned: maker(cpuPolicy),
  settles: true,
}

/** The custom metrics adapter asks Prometheus every 30 s for a rate over a minute. */
const ADAPTER: ExternalSource = { pipeline: { periodS: 30, lagS: 10 }, windowS: 60 }

/** HPA on requests per second through a metrics adapter. */
export const hpaRate: Rival = {
  name: 'hpa-rate',
  defaults: maker((setting) => externalPolicy(ADAPTER, setting))(DEFAULTS),
  tuned: maker((setting) => externalPolicy(ADAPTER, setting)),
  settles: true,
}
