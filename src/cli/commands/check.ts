// `plimsoll check`: is the file right? Starts nothing.
import type { Command } from 'commander'
import { loadConfig } from '../place.ts'
import { type CommonOptions, DONE, run, withPlace } from '../verb.ts'

/** Adds `check`. Reports E_FILE_MISSING and E_FILE_INVALID, the latter with every problem. */
export function addCheck(program: Command): void {
  withPlace(program.command('check').description('check the file and start nothing')).action(
    (options: CommonOptions) =>
      run(options, (output) => {
        const { file, config } = loadConfig(options)
        const { app, groups } = config.spec
        output.document({ file, ok: true, app, groups: groups.map((g) => g.name) })
        output.say(`${file} is right: ${app} with ${groups.map((g) => g.name).join(', ')}`)
        return DONE
      }),
  )
}
