// The autoscaler of Compute Engine's managed instance groups: proportional, and never below what
// the peak of the stabilization period needed.
// docs.cloud.google.com/compute/docs/autoscaler/understanding-autoscaler-decisions
import type { LabPolicy, PolicyMaker, Rival, Seen, Setting } from '../policy.ts'
import { PeakWindow } from './peak-window.ts'

const EVERY_S = 60
/** Instances younger than this are left out of what scale-out looks at. */
const INITIALIZATION_S = 60
const DEFAULT_TARGET = 0.6
const STABILIZATION_S = 600

/** Recommended size for a mean utilisation of so many instances. */
export function recommendedSize(instances: number, utilisation: number, target: number): number {
  return Math.ceil((instances * utilisation) / target - 1e-9)
}

function policy({ target, settleS }: Setting): LabPolicy {
  const peak = new PeakWindow(settleS)
  const decide = (seen: Seen): number => {
    const busy = seen.busy(EVERY_S)
    if (Number.isNaN(busy)) return busy
    const old = seen.instances('ready').filter((i) => i.startedAtS <= seen.nowS - INITIALIZATION_S)
    const size = recommendedSize(old.length, busy, target)
    const wanted = busy > target ? Math.max(size, seen.wanted) : size
    return peak.add(seen.nowS, wanted)
  }
  return { pipeline: { periodS: EVERY_S, lagS: 0 }, everyS: EVERY_S, decide }
}

const tuned =
  (setting: Setting): PolicyMaker =>
  () =>
    policy(setting)

/** A managed instance group on CPU. */
export const gce: Rival = {
  name: 'gce',
  defaults: tuned({ target: DEFAULT_TARGET, settleS: STABILIZATION_S }),
  tuned,
  settles: true,
}
