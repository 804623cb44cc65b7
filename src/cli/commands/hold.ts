// `plimsoll hold GROUP`: keep the number as it is for a while.
import type { Command } from 'commander'
import type { CommandResult } from '../../engine/service.ts'
import { call } from '../client.ts'
import { stateDirOf } from '../place.ts'
import { type CommonOptions, DONE, parseDuration, run, withDryRun, withPlace } from '../verb.ts'

/** Adds `hold`. Reports E_NOT_RUNNING, E_GROUP_UNKNOWN and E_BUSY. */
export function addHold(program: Command): void {
  const command = program
    .command('hold')
    .description('keep the number of instances as it is, for 15m or --for')
    .argument('<group>')
    .option('--for <duration>', 'how long, such as 1h', parseDuration)
  withDryRun(withPlace(command)).action(
    (group: string, options: CommonOptions & { for?: string }) =>
      run(options, async (output) => {
        const body = {
          ...(options.for === undefined ? {} : { for: options.for }),
          ...(options.dryRun === true ? { dry_run: true } : {}),
        }
        const path = `/groups/${encodeURIComponent(group)}/hold`
        const result = await call<CommandResult>(stateDirOf(options), 'POST', path, body)
        output.document(result)
        output.say(result.reason)
        return DONE
      }),
  )
}
