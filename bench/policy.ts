// Violations and instance-hours on recorded traffic: Plimsoll at its defaults beside the rivals,
// each tuned over its grid, and beside an oracle that sees one boot ahead.
import { measure, type Result, variantOf } from './policy/measure.ts'
import {
  bestOfEach,
  frontOf,
  hindsight,
  hoursToOracle,
  mostMet,
  oursAtDefaults,
  oursByKnob,
  rivalsAtOneSetting,
  served,
  spread,
} from './policy/summaries.ts'
import { FLEETS, tracesIn, worldFor } from './policy/worlds.ts'
import type { BenchDocument, BenchOptions, Row } from './report.ts'

const WEIGHTS = [
  { weight: 1, name: 'cost, one setting' },
  { weight: 0.3, name: 'cost, one setting, weight 0.3 %' },
  { weight: 3, name: 'cost, one setting, weight 3 %' },
]

/** Every trace of the folder at every fleet. `--only` names the variant of Plimsoll. */
export async function policy(options: BenchOptions): Promise<BenchDocument> {
  const { seed, share, progress } = options
  if (options.traces === undefined) throw new Error('name a folder of traffic with --traces')
  const variant = variantOf(options.only)
  const results: Result[] = []
  const traces = tracesIn(options.traces)
  for (const trace of traces) {
    for (const fleet of FLEETS) {
      const startMs = performance.now()
      const result = measure(worldFor(trace, fleet, { seed, share }), variant)
      results.push(result)
      const seconds = Math.round((performance.now() - startMs) / 1_000)
      const done = `${results.length} of ${traces.length * FLEETS.length}`
      progress(`${result.world.name}: ${done}, ${seconds} s`)
    }
  }
  return documentOf(results, options)
}

/** The document over results: summaries first, then a row for each world. */
export function documentOf(
  results: readonly Result[],
  { share, seed }: Pick<BenchOptions, 'share' | 'seed'>,
): BenchDocument {
  const rivals = rivalsAtOneSetting(results, 1)
  const rows = [
    ...WEIGHTS.map(({ weight, name }) => costRow(results, weight, name)),
    metRow(results),
    ...hindsightRows(results),
    figure('hours to oracle', hoursToOracle(results), 'oracle hours, missed ones 2'),
    ...results.flatMap((result) => worldRows(result, bestOfEach(rivals)[0])),
  ]
  const fronts = [...new Set(rivals.map((r) => r.policy))].map((name) => ({
    policy: name,
    front: frontOf(rivals.filter((r) => r.policy === name)),
  }))
  const ours = { policy: results[0]?.ours.policy, front: frontOf(oursByKnob(results, 1)) }
  const details = {
    oneSetting: bestOfEach(rivals),
    ours: oursAtDefaults(results, 1),
    fronts: [ours, ...fronts],
    hindsight: hindsight(results),
    worlds: results.map(worldDetails),
  }
  return { bench: 'policy', rounds: 1, rows, notes: notesOf(results, { share, seed }), details }
}

function costRow(results: readonly Result[], weight: number, name: string): Row {
  const ours = oursAtDefaults(results, weight).cost
  const best = bestOfEach(rivalsAtOneSetting(results, weight))[0]
  return row(name, ours, { name: nameOf(best), value: best?.cost ?? Number.NaN }, 'cost')
}

function metRow(results: readonly Result[]): Row {
  const ours = oursAtDefaults(results, 1)
  const best = mostMet(ours, rivalsAtOneSetting(results, 1))
  const unit = `traces of ${served(results).length} within 0.1 %`
  const theirs = { name: nameOf(best), value: best?.met ?? Number.NaN }
  return { ...row('SLO met', ours.met, theirs, unit), better: 'higher' }
}

function hindsightRows(results: readonly Result[]): readonly Row[] {
  const { median, worst } = spread(hindsight(results))
  return [
    figure('hours at equal SLO, hindsight, median', median, "of the best tuned rival's hours"),
    figure('hours at equal SLO, hindsight, worst', worst, "of the best tuned rival's hours"),
  ]
}

function worldRows(result: Result, best: { policy: string; setting: string } | undefined) {
  const rival = result.rivals.find((r) => r.policy === best?.policy)
  const theirs = rival?.grid.find((g) => g.setting === best?.setting)
  const name = best === undefined ? 'none' : `${best.policy} at ${best.setting}`
  const { defaults } = result.ours
  const hours = result.oracle.instanceHours
  const rivalHours = (theirs?.instanceHours ?? Number.NaN) / hours
  const violations = theirs?.violationPercent ?? Number.NaN
  return [
    row(
      `${result.world.name}: hours`,
      defaults.instanceHours / hours,
      { name, value: rivalHours },
      'oracle hours',
    ),
    row(
      `${result.world.name}: violations`,
      defaults.violationPercent,
      { name, value: violations },
      'percent',
    ),
  ]
}

function worldDetails(result: Result) {
  const { world, oracle, boundHours, ours, rivals } = result
  const defaults = rivals.map(({ policy: name, defaults: score }) => ({ policy: name, ...score }))
  return { ...world, oracle, boundHours, ours: ours.defaults, rivalsAtDefaults: defaults }
}

function nameOf(setting: { policy: string; setting: string } | undefined): string {
  return setting === undefined ? 'none' : `${setting.policy} at ${setting.setting}`
}

function row(
  name: string,
  ours: number,
  theirs: { readonly name: string; readonly value: number },
  unit: string,
): Row {
  const value = ours / theirs.value
  const ratio = theirs.value > 0 ? { median: value, low: value, high: value } : null
  return { name, rival: theirs.name, ours, theirs: theirs.value, unit, better: 'lower', ratio }
}

function figure(name: string, ours: number, unit: string): Row {
  return { name, rival: null, ours, theirs: null, unit, better: 'lower', ratio: null }
}

function notesOf(
  results: readonly Result[],
  { share, seed }: Pick<BenchOptions, 'share' | 'seed'>,
): readonly string[] {
  const unserved = results.filter((r) => !r.oracle.serves).map((r) => r.world.name)
  const edges = bestOfEach(rivalsAtOneSetting(results, 1)).filter((r) => r.isOnEdge)
  return [
    'one plant for all: 50 requests/s per instance, late above 250 ms of waiting, boot 45 s ' +
      '(log-normal, cv 0.2, 5 % fail once), drain 15 s; hours from request to end of each instance',
    'a trace is scaled so that its 99.9th percentile fills 5, 40 or 200 instances, which scales ' +
      'the noise of one-second traces too; coarser ones are interpolated, with Poisson arrivals',
    `at most ${7 * share} days of each trace, seed ${seed}; one run each`,
    ...(unserved.length > 0 ? [`beyond the oracle, and left out: ${unserved.join('; ')}`] : []),
    ...edges.map((r) => `the best setting of ${r.policy} is on the edge of its grid: ${r.setting}`),
  ]
}
