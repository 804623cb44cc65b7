// `plimsoll replay [--since 1h]`: the stored observations through today's code. Touches nothing,
// and needs no running controller.
import { type Command, Option } from 'commander'
import { readStore } from '../../compose.ts'
import { PlimsollError } from '../../core/errors.ts'
import { headline } from '../../core/explain.ts'
import type { Decision } from '../../core/model.ts'
import { CORE_VERSION } from '../../core/version.ts'
import { durationMs } from '../../core/words/duration.ts'
import { type ReplayDifference, type Replayed, replay } from '../../engine/replay.ts'
import { EXIT } from '../failure.ts'
import { type Output, table } from '../output.ts'
import { stateDirOf } from '../place.ts'
import { type CommonOptions, DONE, parseDuration, run, withPlace } from '../verb.ts'

interface ReplayOptions extends CommonOptions {
  readonly since?: string
}

/** A note on standard error at most this often. */
const PROGRESS_MS = 2_000

/** Adds `replay`. Reports E_HISTORY_EMPTY and E_STORE; exits 1 where a decision differs. */
export function addReplay(program: Command): void {
  const command = program
    .command('replay')
    .description(
      'decide the stored ticks again: every decision identical, or the first that differs',
    )
    .addOption(
      new Option('--since <duration>', 'how far back (default: all that is kept)').argParser(
        parseDuration,
      ),
    )
  withPlace(command).action((options: ReplayOptions) =>
    run(options, (output) => {
      const replayed = replayOf(options, output)
      output.document(documentOf(replayed))
      output.say(textOf(replayed))
      return replayed.difference === undefined ? DONE : EXIT.failed
    }),
  )
}

function replayOf(options: ReplayOptions, output: Output): Replayed {
  const stateDir = stateDirOf(options)
  const sinceMs = options.since === undefined ? 0 : Date.now() - durationMs(options.since)
  let notedMs = performance.now()
  const progress = (ticks: number): void => {
    if (performance.now() - notedMs < PROGRESS_MS) return
    notedMs = performance.now()
    output.note(`${ticks} ticks so far`)
  }
  const replayed = readStore(stateDir, (store) => replay(store, sinceMs, { progress }))
  if (replayed !== undefined && replayed.ticks > 0) return replayed
  const why = replayed === undefined ? 'nothing was kept' : 'no tick can be decided again'
  throw new PlimsollError('E_HISTORY_EMPTY', `${why} in ${stateDir}`)
}

function documentOf({ ticks, skipped, versions, difference }: Replayed) {
  const base = { identical: difference === undefined, ticks, skipped, core: CORE_VERSION }
  return { ...base, other_cores: versions, difference: differenceOf(difference) }
}

function differenceOf(difference: ReplayDifference | undefined) {
  if (difference === undefined) return null
  const { tick, group, stored = null, today = null } = difference
  return { tick: tick.id, at: atOf(difference), group, stored, today }
}

function atOf({ tick }: ReplayDifference): string {
  return new Date(tick.observation.atMs).toISOString()
}

function textOf({ ticks, skipped, versions, difference }: Replayed): string {
  const left = skipped === 0 ? [] : [`${skipped} could not be: what came before them is not kept`]
  const cores = versions.map((v) => `some were made by core ${v}, today's is ${CORE_VERSION}`)
  if (difference === undefined) {
    return [`${ticks} ticks decided again: every decision identical`, ...left, ...cores].join('\n')
  }
  const { tick, stored, today } = difference
  const rows = [
    ['  stored', told(stored)],
    ['  today', told(today)],
  ]
  const head = `tick ${tick.id} of ${atOf(difference)} is the first that differs, of ${ticks}`
  return [head, table(rows), ...left, ...cores].join('\n')
}

function told(decision: Decision | undefined): string {
  return decision === undefined ? 'no decision' : headline(decision)
}
