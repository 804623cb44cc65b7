// Knative's pod autoscaler with its stable and panic windows. Source:
// pkg/autoscaler/scaling/autoscaler.go and config/core/configmaps/autoscaler.yaml.
import type { LabPolicy, PolicyMaker, Rival, Seen, Setting } from '../policy.ts'
import { PeakWindow } from './peak-window.ts'

const TICK_S = 2
const STABLE_S = 60
const PANIC_S = 6
/** Panic begins where the short window wants this many times what is ready. */
const PANIC_THRESHOLD = 2
const MAX_UP_RATE = 1_000
const MAX_DOWN_RATE = 2
/** Target-percentage: share of an instance's capacity that is aimed at. */
const DEFAULT_TARGET = 0.7

/** The state of one revision's autoscaler. */
export class Kpa {
  #panicSinceS = Number.NaN
  #mostInPanic = 0

  get panics(): boolean {
    return !Number.isNaN(this.#panicSinceS)
  }

  /** Pods wanted for the two averages at `target` per pod. */
  scale(nowS: number, ready: number, load: { stable: number; panic: number; target: number }) {
    const pods = Math.max(1, ready)
    const within = (n: number) =>
      Math.min(MAX_UP_RATE * pods, Math.max(Math.floor(pods / MAX_DOWN_RATE), n))
    const wantedInPanic = Math.ceil(load.panic / load.target - EPSILON)
    const stable = within(Math.ceil(load.stable / load.target - EPSILON))
    this.#judge(nowS, wantedInPanic / pods >= PANIC_THRESHOLD)
    if (!this.panics) return stable
    this.#mostInPanic = Math.max(this.#mostInPanic, stable, within(wantedInPanic))
    return this.#mostInPanic
  }

  #judge(nowS: number, isOver: boolean): void {
    if (isOver) this.#panicSinceS = nowS
    else if (this.panics && this.#panicSinceS + STABLE_S < nowS) {
      this.#panicSinceS = Number.NaN
      this.#mostInPanic = 0
    }
  }
}

// Sums of fractions must not round up by themselves.
const EPSILON = 1e-9

type Metric = 'concurrency' | 'rps'

function policy(metric: Metric, { target, settleS }: Setting): LabPolicy {
  const kpa = new Kpa()
  const delay = new PeakWindow(settleS)
  const average = (seen: Seen, windowS: number): number =>
    metric === 'rps' ? seen.rps(windowS) : seen.inFlight(windowS)
  const decide = (seen: Seen): number => {
    const stable = average(seen, STABLE_S)
    if (Number.isNaN(stable)) return stable
    const per = seen.capacityRps * (metric === 'rps' ? 1 : seen.serviceS)
    const load = { stable, panic: average(seen, PANIC_S), target: target * per }
    return delay.add(seen.nowS, kpa.scale(seen.nowS, seen.ready, load))
  }
  return { pipeline: { periodS: 1, lagS: 1 }, everyS: TICK_S, decide }
}

function rival(name: string, metric: Metric): Rival {
  const tuned =
    (setting: Setting): PolicyMaker =>
    () =>
      policy(metric, setting)
  // The settle knob is `scale-down-delay`, which is 0 unless it is set.
  return { name, defaults: tuned({ target: DEFAULT_TARGET, settleS: 0 }), tuned, settles: true }
}

/** Knative on concurrency, its default; the limit is what an instance serves at once. */
export const kpa: Rival = rival('kpa', 'concurrency')

/** Knative on requests per second. */
export const kpaRate: Rival = rival('kpa-rate', 'rps')
