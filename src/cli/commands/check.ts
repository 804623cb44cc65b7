// `plimsoll check`: is the file right? Starts nothing.
import type { Command } from 'commander'
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
      run(options, (output) => {
        const { file, config } = loadConfig(options)
        const { app, groups } = config.spec
        const balancer = expectedBalancer(config.spec)
        output.document({ file, ok: true, app, groups: groups.map((g) => g.name), balancer })
        output.say(`${file} is right: ${app} with ${groups.map((g) => g.name).join(', ')}`)
        for (const line of balancerLines(balancer, config.spec)) output.say(line)
        return DONE
      }),
  )
}
