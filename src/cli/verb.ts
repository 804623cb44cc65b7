// What every verb has in common: its options, its output, its exit code.
import { type Command, InvalidArgumentError, Option } from 'commander'
import { errorBody } from '../core/errors.ts'
import { durationMs } from '../core/words/duration.ts'
import { describeError, EXIT, errorText, exitCodeOf } from './failure.ts'
import { createOutput, type Output } from './output.ts'
import type { PlaceOptions } from './place.ts'

/** What every verb understands; `dryRun` only where something is changed. */
export interface CommonOptions extends PlaceOptions {
  readonly json?: boolean
  readonly dryRun?: boolean
}

/** Adds --file, --state and --json. */
export function withPlace(command: Command): Command {
  return command
    .addOption(new Option('--file <path>', 'the file (default: plimsoll.yaml here)'))
    .addOption(new Option('--state <dir>', 'the state folder (default: .plimsoll beside the file)'))
    .addOption(new Option('--json', 'one JSON document on standard output'))
}

/** Adds --dry-run, for verbs that change something. */
export function withDryRun(command: Command): Command {
  return command.addOption(new Option('--dry-run', 'only say what would be done'))
}

/** The value of an option that takes a duration with its unit, as it was given. */
export function parseDuration(text: string): string {
  if (Number.isNaN(durationMs(text))) {
    throw new InvalidArgumentError('expected a duration with its unit, such as 15m')
  }
  return text
}

/** The value of an option that takes a whole number, as it was given. */
export function parseWhole(text: string): string {
  if (!/^\d{1,15}$/.test(text)) throw new InvalidArgumentError('expected a whole number')
  return text
}

/** Runs a verb and sets the exit code; errors are printed with code and remedy. */
export async function run(
  options: CommonOptions,
  verb: (output: Output) => Promise<number> | number,
): Promise<void> {
  const output = createOutput(options.json === true)
  try {
    process.exitCode = await verb(output)
  } catch (error) {
    const { code, message } = describeError(error)
    output.document(errorBody(code, message))
    if (!output.json) process.stderr.write(errorText(code, message))
    process.exitCode = exitCodeOf(code)
  }
}

/** Everything went as asked. */
export const DONE: number = EXIT.ok
