// Where things are: the file, the state folder, the running controller.
import { existsSync, readFileSync, statSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { LARGEST_BYTES } from '../config/document.ts'
import { type Config, parseConfig, specFromCommand } from '../config/parse.ts'
import { formatProblems } from '../config/problems.ts'
import { PlimsollError } from '../core/errors.ts'

/** Options that every verb has. */
export interface PlaceOptions {
  readonly file?: string
  readonly state?: string
}

const NAMES = ['plimsoll.yaml', 'plimsoll.yml']
const STATE_FOLDER = '.plimsoll'

/** The file meant, if there is one. */
export function findFile(options: PlaceOptions): string | undefined {
  if (options.file !== undefined) return resolve(options.file)
  return NAMES.map((n) => resolve(n)).find((p) => existsSync(p))
}

/** The state folder: as said, else `.plimsoll` beside the file. */
export function stateDirOf(options: PlaceOptions): string {
  if (options.state !== undefined) return resolve(options.state)
  const file = findFile(options)
  return join(file === undefined ? process.cwd() : dirname(file), STATE_FOLDER)
}

/** Reads and checks the file. Throws E_FILE_MISSING or E_FILE_INVALID with every problem. */
export function loadConfig(options: PlaceOptions): {
  readonly file: string
  readonly config: Config
} {
  const file = findFile(options)
  if (file === undefined)
    throw new PlimsollError('E_FILE_MISSING', 'there is no plimsoll.yaml here')
  const parsed = parseConfig(readText(file), { dir: dirname(file), file })
  if (parsed.ok) return { file, config: parsed.config }
  throw new PlimsollError('E_FILE_INVALID', formatProblems(parsed.problems, file))
}

/** The configuration of `up -- COMMAND`. Throws E_USAGE. */
export function commandConfig(command: readonly string[], listen: string | undefined): Config {
  const dir = process.cwd()
  const parsed = specFromCommand(command, { dir, ...(listen === undefined ? {} : { listen }) })
  if (parsed.ok) return parsed.config
  throw new PlimsollError('E_USAGE', formatProblems(parsed.problems, 'command'))
}

// A device or a pipe would be read for ever; bytes that are no text would be read as something
// else.
function readText(file: string): string {
  const stat = statSync(file, { throwIfNoEntry: false })
  if (stat === undefined) throw new PlimsollError('E_FILE_MISSING', `there is no file ${file}`)
  if (!stat.isFile()) throw new PlimsollError('E_FILE_INVALID', `${file} is no ordinary file`)
  if (stat.size > LARGEST_BYTES) {
    throw new PlimsollError('E_FILE_INVALID', `${file} is larger than ${LARGEST_BYTES} bytes`)
  }
  let bytes: Buffer
  try {
    bytes = readFileSync(file)
  } catch (error) {
    const message = `${file} can't be read: ${(error as Error).message}`
    throw new PlimsollError('E_FILE_MISSING', message, { cause: error })
  }
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch (error) {
    throw new PlimsollError('E_FILE_INVALID', `${file} is not UTF-8`, { cause: error })
  }
}
