// KEDA with the HPA that it generates: external metric, AverageValue, asked live at every sync;
// between none and one by its own loop. Source: pkg/scaling/executor/scale_scaledobjects.go.
import type { LabPolicy, PolicyMaker, Rival, Seen, Setting } from '../policy.ts'
import { externalPolicy } from './hpa.ts'

const POLLING_S = 30
/** How long nothing must have been active before none is left. */
export const COOLDOWN_S = 300
/** Prometheus scrapes every 15 s; `rate` looks back over a minute. */
const SOURCE = { pipeline: { periodS: 15, lagS: 2 }, windowS: 60 }

/** From some to none after the cooldown, from none to one when active; the rest is the HPA's. */
export class Activation {
  #lastActiveS = 0

  /** What the polling loop makes of a value; NaN leaves the number to the HPA. */
  poll(nowS: number, value: number, replicas: number): number {
    if (value > 0) {
      this.#lastActiveS = nowS
      return replicas === 0 ? 1 : Number.NaN
    }
    return replicas > 0 && nowS - this.#lastActiveS > COOLDOWN_S ? 0 : Number.NaN
  }
}

function policy(setting: Setting): LabPolicy {
  const hpa = externalPolicy(SOURCE, setting)
  const activation = new Activation()
  const decide = (seen: Seen): number => {
    if (seen.min === 0 && seen.nowS % POLLING_S === 0) {
      const polled = activation.poll(seen.nowS, seen.rps(SOURCE.windowS), seen.wanted)
      if (!Number.isNaN(polled)) return polled
    }
    // The HPA is switched off while there is none.
    return seen.wanted === 0 ? Number.NaN : Math.max(1, hpa.decide(seen))
  }
  return { ...hpa, decide }
}

const tuned =
  (setting: Setting): PolicyMaker =>
  () =>
    policy(setting)

/** KEDA with its Prometheus scaler; no target is documented, so the HPA's own stands in. */
export const keda: Rival = {
  name: 'keda',
  defaults: tuned({ target: 0.8, settleS: 300 }),
  tuned,
  settles: true,
}
