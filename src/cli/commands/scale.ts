// `plimsoll scale GROUP N`: a number by hand, for a stated time.
import { type Command, InvalidArgumentError } from 'commander'
import type { ScaleAction } from '../../core/commands.ts'
import type { ScaleResult } from '../../engine/service.ts'
import { call } from '../client.ts'
import { stateDirOf } from '../place.ts'
import { type CommonOptions, DONE, parseDuration, run, withDryRun, withPlace } from '../verb.ts'

/** Adds `scale`. Reports E_NOT_RUNNING, E_GROUP_UNKNOWN, E_OUT_OF_BOUNDS, E_BUDGET and E_BUSY. */
export function addScale(program: Command): void {
  const command = program
    .command('scale')
    .description('set the number of instances by hand: 4, +2 or -1; holds for 15m or --for')
    .argument('<group>')
    .argument('<instances>', 'how many, or +N / -N', parseCount)
    .option('--for <duration>', 'how long it holds, such as 1h', parseDuration)
  withDryRun(withPlace(command))
    // A count like -1 looks like an option otherwise.
    .allowUnknownOption(false)
    .action((group: string, count: Count, options: CommonOptions & { for?: string }) =>
      run(options, async (output) => {
        const body = {
          group,
          ...count,
          ...(options.for === undefined ? {} : { for: options.for }),
          ...(options.dryRun === true ? { dry_run: true } : {}),
        }
        const result = await call<ScaleResult>(stateDirOf(options), 'POST', '/scale-group', body)
        output.document(result)
        const held = result.until === null ? '' : `, held until ${result.until}`
        output.say(`${group} ${result.from} → ${result.to}${held}: ${result.reason}`)
        return DONE
      }),
    )
}

interface Count {
  readonly action: ScaleAction
  readonly instances: number
}

/** `4` sets, `+2` and `-2` move. */
export function parseCount(text: string): Count {
  const match = /^([+-]?)(\d{1,5})$/.exec(text)
  if (match === null) throw new InvalidArgumentError('expected a number such as 4, +2 or -1')
  const instances = Number(match[2])
  if (match[1] === '+') return { action: 'scale-out', instances }
  return { action: match[1] === '-' ? 'scale-in' : 'set', instances }
}
