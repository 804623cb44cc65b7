// `plimsoll down`: drain and stop what Plimsoll started, whether its controller still runs or not.
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Command } from 'commander'
import { compose, isInUse, lastSpec } from '../../compose.ts'
import { PlimsollError } from '../../core/errors.ts'
import { call, isRunning } from '../client.ts'
import { EXIT } from '../failure.ts'
import { stateDirOf } from '../place.ts'
import { type CommonOptions, DONE, run, withDryRun, withPlace } from '../verb.ts'
import { VERSION } from '../version.ts'

const POLL_MS = 100
const MOST_WAIT_MS = 10 * 60_000

/**
 * Adds `down`, which works without a controller too. Reports E_NOT_RUNNING where nothing was
 * started.
 */
export function addDown(program: Command): void {
  const command = program.command('down').description('drain and stop what plimsoll started')
  withDryRun(withPlace(command)).action((options: CommonOptions) =>
    run(options, async (output) => {
      const stateDir = stateDirOf(options)
      const running = await isRunning(stateDir)
      if (!running && !existsSync(join(stateDir, 'store.sqlite'))) {
        throw new PlimsollError('E_NOT_RUNNING', `nothing was started from ${stateDir}`)
      }
      if (options.dryRun === true) {
        output.document({ dry_run: true, controller: running })
        output.say('would drain and stop every group')
        return DONE
      }
      const stopped = running ? await throughController(stateDir) : await alone(stateDir)
      output.document({ stopped })
      output.say(stopped ? 'stopped' : 'still stopping')
      return stopped ? DONE : EXIT.failed
    }),
  )
}

async function throughController(stateDir: string): Promise<boolean> {
  await call(stateDir, 'POST', '/shutdown', {})
  for (let waited = 0; waited < MOST_WAIT_MS; waited += POLL_MS) {
    if (!isInUse(stateDir)) return true
    await sleep(POLL_MS)
  }
  return false
}

// The controller is gone, the application is not: this process takes its place for as long as it
// takes.
async function alone(stateDir: string): Promise<boolean> {
  const spec = lastSpec(stateDir)
  if (spec === undefined) {
    throw new PlimsollError('E_NOT_RUNNING', `nothing was started from ${stateDir}`)
  }
  const app = await compose({
    spec,
    stateDir,
    version: VERSION,
    file: null,
    readFile: () => {
      throw new Error('there is no file to read while stopping')
    },
  })
  await app.stop()
  return true
}
