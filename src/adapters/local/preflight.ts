// What would keep instances from starting, as far as that can be known before one is tried.
import { accessSync, constants, statSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { fault } from '../../core/errors.ts'
import type { Fault, GroupSpec, RunSpec } from '../../core/model.ts'
import { accountOf, environmentFor } from './environment.ts'
import { listenError } from './ports.ts'

/** Where commands are looked for when the environment names no PATH (execvp(3)). */
const DEFAULT_PATH = '/usr/local/bin:/bin:/usr/bin'

/**
 * The first fault that a start would end with: E_COMMAND_NOT_FOUND, E_USER_UNKNOWN, E_ENV_FILE or
 * E_ENV_MISSING.
 */
export function preflight(
  groups: readonly GroupSpec[],
  base: NodeJS.ProcessEnv,
): Fault | undefined {
  for (const { run } of groups) {
    const found = faultOf(run, base)
    if (found !== undefined) return found
  }
  return undefined
}

function faultOf(run: RunSpec, base: NodeJS.ProcessEnv): Fault | undefined {
  const environment = environmentFor(run, {}, base)
  if (!environment.ok) return environment.fault
  const account = run.user === undefined ? undefined : accountOf(run.user)
  if (account?.ok === false) return account.fault
  const self = process.geteuid?.()
  if (account !== undefined && self !== 0 && account.value.uid !== self) {
    return fault('E_USER_UNKNOWN', `only root can run instances as ${run.user}`)
  }
  if (!isFolder(run.cwd)) return fault('E_COMMAND_NOT_FOUND', `${run.cwd} is no folder to run in`)
  const command = run.command[0] ?? ''
  if (run.shell || isFound(command, run.cwd, environment.value.PATH ?? DEFAULT_PATH)) {
    return undefined
  }
  return fault('E_COMMAND_NOT_FOUND', `${command} was not found (in ${run.cwd})`)
}

// A name without a slash is looked for in PATH, any other is a path from the working folder.
function isFound(command: string, cwd: string, path: string): boolean {
  if (command.includes('/')) return isProgram(resolve(cwd, command))
  return path.split(':').some((folder) => isProgram(join(resolve(cwd, folder), command)))
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return statSync(path).isFile()
  } catch {
    // Not there, or not for us to start: both mean that it can't be started.
    return false
  }
}

function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() === true
}

/** The first address that can't be listened on now, as E_PORT_IN_USE. Port 0 always can. */
export async function checkAddresses(
  addresses: readonly { readonly host: string; readonly port: number }[],
): Promise<Fault | undefined> {
  for (const { host, port } of addresses) {
    const error = port === 0 ? undefined : await listenError(host, port)
    if (error === undefined) continue
    const why = error.code === 'EADDRINUSE' ? 'is in use' : `can't be listened on: ${error.message}`
    return fault('E_PORT_IN_USE', `${host}:${port} ${why}`)
  }
  return undefined
}
