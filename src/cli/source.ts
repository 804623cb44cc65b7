// What `up` is asked to run: a file, or a command without one.
import type { Config } from '../config/parse.ts'
import { PlimsollError } from '../core/errors.ts'
import { commandConfig, loadConfig, type PlaceOptions } from './place.ts'
import type { CommonOptions } from './verb.ts'

/** The options of `up`; `listen` (HOST:PORT) goes with a command only. */
export interface UpOptions extends CommonOptions {
  readonly detach?: boolean
  readonly listen?: string
}

/** What `up` was asked to run. */
export interface UpSource {
  readonly config: Config
  readonly file: string | null
  readonly command: readonly string[]
}

/** The file or the command. Throws E_USAGE, E_FILE_MISSING, E_FILE_INVALID. */
export function sourceOf(
  command: readonly string[],
  options: PlaceOptions & { listen?: string },
): UpSource {
  if (command.length > 0) {
    if (options.file !== undefined)
      throw new PlimsollError('E_USAGE', 'either --file or a command, not both')
    return { config: commandConfig(command, options.listen), file: null, command }
  }
  if (options.listen !== undefined)
    throw new PlimsollError('E_USAGE', '--listen goes with a command')
  const { file, config } = loadConfig(options)
  return { config, file, command }
}
