// `plimsoll check`: is the file right? Starts nothing.
import type { Command } from 'commander'
import { monitorWarnings } from '../../compose.ts'
import { balancerLines, expectedBalancer } from '../balancer.ts'
import { loadConfig } from '../place.ts'
import { type CommonOptions, DONE, run, withPlace } from '../verb.ts'

/**
 * Adds `check`. Reports E_FILE_MISSING, E_FILE_INVALID with every problem, and what only this
 * machine knows: E_TLS, E_BALANCER_MISSING.
 */
export function addCheck(program: Command): void {
  withPlace(program.command('check').description('check the file and start nothing')).action(
    (options: CommonOptions) =>
      run(options, async (output) => {
        const { file, config } = loadConfig(options)
        const { app, groups } = config.spec
        const balancer = expectedBalancer(config.spec)
        const warnings = await monitorWarnings(config.spec)
        const names = groups.map((g) => g.name)
        output.document({ file, ok: true, app, groups: names, balancer, warnings })
        output.say(`${file} is right: ${app} with ${names.join(', ')}`)
        for (const line of balancerLines(balancer, config.spec)) output.say(line)
        for (const warning of warnings) output.note(`warning: ${warning}`)
        return DONE
      }),
  )
}
