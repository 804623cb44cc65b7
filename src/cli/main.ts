// The command line: one file per verb in commands/, gathered here.
import { Command, CommanderError } from 'commander'
import { errorBody } from '../core/errors.ts'
import { addBacktest } from './commands/backtest.ts'
import { addCheck } from './commands/check.ts'
import { addDemo } from './commands/demo.ts'
import { addDown } from './commands/down.ts'
import { addExplain } from './commands/explain.ts'
import { addHold } from './commands/hold.ts'
import { addInit } from './commands/init.ts'
import { addLogs } from './commands/logs.ts'
import { addReplay } from './commands/replay.ts'
import { addRestart } from './commands/restart.ts'
import { addScale } from './commands/scale.ts'
import { addStatus } from './commands/status.ts'
import { addUp } from './commands/up.ts'
import { EXIT, errorText } from './failure.ts'
import { VERSION } from './version.ts'

const VERBS = [
  addInit,
  addCheck,
  addUp,
  addDown,
  addStatus,
  addScale,
  addHold,
  addRestart,
  addExplain,
  addLogs,
  addBacktest,
  addReplay,
  addDemo,
]

/** The whole program, not yet run. */
export function createProgram(): Command {
  const program = new Command('plimsoll')
    .description('says how much more load an application can take, and keeps it above that line')
    .version(VERSION)
    .exitOverride()
    .configureOutput({ writeErr: () => {} })
  for (const add of VERBS) add(program)
  return program
}

/** Parses and runs; usage errors are printed with their remedy and exit 2. */
export async function main(argv: readonly string[]): Promise<void> {
  try {
    await createProgram().parseAsync(argv, { from: 'user' })
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error
    if (error.exitCode === 0) return
    if (argv.length === 0) {
      process.stderr.write(createProgram().helpInformation())
      process.exitCode = EXIT.usage
      return
    }
    const message = error.message.replace(/^error: /, '')
    if (argv.includes('--json')) {
      process.stdout.write(`${JSON.stringify(errorBody('E_USAGE', message), null, 2)}\n`)
    } else process.stderr.write(errorText('E_USAGE', message))
    process.exitCode = EXIT.usage
  }
}

await main(process.argv.slice(2))
