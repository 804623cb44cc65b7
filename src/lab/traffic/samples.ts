// Traffic from samples of a monitor: seconds since the epoch and requests per second.
import { fault } from '../../core/errors.ts'
import type { Fault } from '../../core/model.ts'
import { evenly, rateFault, type Traffic } from './csv.ts'

/** One sample; `value` is requests per second. */
export interface RateSample {
  readonly atS: number
  readonly value: number
}

/** What was asked for. */
export interface AskedRange {
  readonly name: string
  readonly startS: number
  readonly endS: number
  readonly stepS: number
}

/**
 * Samples in order of time as traffic; holes are filled in, and told. Faults: E_TRAFFIC_EMPTY,
 * E_TRAFFIC_INVALID, E_TRAFFIC_SHORT.
 */
export function trafficOfSamples(
  samples: readonly RateSample[],
  { name, startS, endS, stepS }: AskedRange,
): Traffic | Fault {
  const wrong = samples.find(({ value }) => rateFault(value) !== undefined)
  if (wrong !== undefined) {
    const at = new Date(wrong.atS * 1_000).toISOString()
    return fault('E_TRAFFIC_INVALID', `${name}, at ${at}: ${rateFault(wrong.value)}`)
  }
  const traffic = evenly(
    samples.map(({ atS, value }) => ({ atS, rps: value })),
    name,
  )
  if ('code' in traffic) return traffic
  const [first, last] = [samples[0]?.atS ?? startS, samples.at(-1)?.atS ?? endS]
  const lacking = Math.max(0, first - startS) + Math.max(0, endS - last)
  if (lacking <= 2 * stepS) return traffic
  const days = (seconds: number) => `${Number((seconds / 86_400).toPrecision(2))} days`
  const note = `of the ${days(endS - startS)} asked for there are ${days(last - first)}, up to ${new Date(last * 1_000).toISOString()}`
  return { ...traffic, notes: [note, ...traffic.notes] }
}

/** From this utilisation on, in percent, more may have been wanted than was served. */
export const SATURATED_PERCENT = 95

/**
 * Recorded utilisation (mean percent of the instances) as requests per second, where each instance
 * serves `capacityRps` at 100 %. Times that only one of them has are left out.
 */
export function demandOf(
  utilisation: readonly RateSample[],
  instances: readonly RateSample[],
  capacityRps: number,
): { readonly samples: readonly RateSample[]; readonly notes: readonly string[] } {
  const counts = new Map(instances.map(({ atS, value }) => [atS, value]))
  const samples = utilisation.flatMap(({ atS, value }) => {
    const count = counts.get(atS)
    return count === undefined ? [] : [{ atS, value: (value / 100) * count * capacityRps }]
  })
  const censored = utilisation.filter((u) => u.value >= SATURATED_PERCENT).length
  const share = `${censored} of ${utilisation.length} steps were at ${SATURATED_PERCENT} % and above`
  const notes = [`demand is utilisation × instances × ${capacityRps} requests a second`]
  if (censored === 0) return { samples, notes }
  return { samples, notes: [...notes, `${share}: what was wanted then is censored, at least this`] }
}
