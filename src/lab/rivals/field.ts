// All rivals by name, and the grid that each is tuned over.
import type { Rival, Setting } from '../policy.ts'
import { awsPredictive } from './aws-predictive.ts'
import { awsStep } from './aws-step.ts'
import { awsTarget } from './aws-target.ts'
import { azure } from './azure.ts'
import { gce } from './gce.ts'
import { hpaCpu, hpaRate } from './hpa.ts'
import { keda } from './keda.ts'
import { kpa, kpaRate } from './kpa.ts'
import { nomad } from './nomad.ts'
import { staticMean, staticPeak } from './static.ts'

/** Everybody whom Plimsoll is measured against. */
export const RIVALS: readonly Rival[] = [
  hpaCpu,
  hpaRate,
  keda,
  kpa,
  kpaRate,
  awsTarget,
  awsStep,
  awsPredictive,
  gce,
  azure,
  nomad,
  staticPeak,
  staticMean,
]

const TARGETS = percents(20, 95)
const SETTLES_S = [0, 15, 60, 300, 600, 1_200, 3_600]
/** Fleets that never change may be a little too small for their peak, or far above their mean. */
const STATIC_TARGETS = percents(10, 150)

function percents(from: number, to: number): readonly number[] {
  return Array.from({ length: (to - from) / 5 + 1 }, (_, i) => (from + 5 * i) / 100)
}

function axesOf(rival: Rival): { targets: readonly number[]; settles: readonly number[] } {
  if (rival.settles) return { targets: TARGETS, settles: SETTLES_S }
  return { targets: STATIC_TARGETS, settles: [0] }
}

/**
 * Every setting that a rival is tuned over: targets from 20 to 95 percent, holds from none to
 * an hour. The ends are there so that no winner lies on one.
 */
export function gridOf(rival: Rival): readonly Setting[] {
  const { targets, settles } = axesOf(rival)
  return settles.flatMap((settleS) => targets.map((target) => ({ target, settleS })))
}

/** A setting for people. */
export function settingName({ target, settleS }: Setting): string {
  return `${Math.round(target * 100)} %, ${settleS} s`
}

/** Whether a setting lies on the edge of the grid, where a better one might lie beyond. */
export function isOnEdge(rival: Rival, { target, settleS }: Setting): boolean {
  const { targets, settles } = axesOf(rival)
  const isSettleEdge = settles.length > 1 && settleS === settles.at(-1)
  return target === targets[0] || target === targets.at(-1) || isSettleEdge
}

/** The one setting of each rival that cost least over all worlds of the policy benchmark. */
const TUNED: Readonly<Record<string, Setting>> = {
  'hpa-cpu': { target: 0.65, settleS: 1_200 },
  'hpa-rate': { target: 0.65, settleS: 1_200 },
  keda: { target: 0.65, settleS: 1_200 },
  kpa: { target: 0.7, settleS: 600 },
  'kpa-rate': { target: 0.7, settleS: 1_200 },
  'aws-target': { target: 0.6, settleS: 1_200 },
  'aws-step': { target: 0.5, settleS: 1_200 },
  'aws-predictive': { target: 0.6, settleS: 1_200 },
  gce: { target: 0.65, settleS: 1_200 },
  azure: { target: 0.2, settleS: 60 },
  nomad: { target: 0.55, settleS: 15 },
  'static-peak': { target: 1, settleS: 0 },
  'static-mean': { target: 0.15, settleS: 0 },
}

/** What `tuned` means for a rival. */
export function tunedSetting({ name }: Rival): Setting {
  return TUNED[name] ?? { target: 0.6, settleS: 60 }
}
