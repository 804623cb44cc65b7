// `plimsoll explain [GROUP]`: the last decisions, with what was seen, wanted and allowed.
import type { Command } from 'commander'
import type { TickView } from '../../engine/service.ts'
import { call } from '../client.ts'
import { stateDirOf } from '../place.ts'
import { type CommonOptions, DONE, parseWhole, run, withPlace } from '../verb.ts'

interface ExplainOptions extends CommonOptions {
  readonly last?: string
  readonly tick?: string
}

/** Adds `explain`. Reports E_NOT_RUNNING, E_GROUP_UNKNOWN and E_TICK_UNKNOWN. */
export function addExplain(program: Command): void {
  const command = program
    .command('explain')
    .description('why: the present decision, the last ones that changed something, or one tick')
    .argument('[group]')
    .option('--last <n>', 'the last N ticks that changed or did something', parseWhole)
    .option('--tick <id>', 'one tick', parseWhole)
  withPlace(command).action((group: string | undefined, options: ExplainOptions) =>
    run(options, async (output) => {
      const ticks = await ticksFor(stateDirOf(options), group, options)
      output.document(ticks)
      output.say(ticks.map((t) => t.explanation.join('\n')).join('\n\n'))
      return DONE
    }),
  )
}

async function ticksFor(
  stateDir: string,
  group: string | undefined,
  options: ExplainOptions,
): Promise<readonly TickView[]> {
  // An unknown group is an error, not an empty answer.
  if (group !== undefined) await call(stateDir, 'GET', `/groups/${encodeURIComponent(group)}`)
  const query = group === undefined ? '' : `group=${encodeURIComponent(group)}`
  if (options.tick !== undefined) {
    return [
      await call<TickView>(stateDir, 'GET', `/ticks/${encodeURIComponent(options.tick)}?${query}`),
    ]
  }
  if (options.last === undefined) {
    return [await call<TickView>(stateDir, 'GET', `/ticks/newest?${query}`)]
  }
  const path = `/ticks?changed=true&limit=${encodeURIComponent(options.last)}&${query}`
  const { ticks } = await call<{ ticks: TickView[] }>(stateDir, 'GET', path)
  return ticks
}
