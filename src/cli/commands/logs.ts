// `plimsoll logs GROUP [INSTANCE]`: the last lines that instances wrote, without control sequences.
import type { Command } from 'commander'
import type { GroupView } from '../../engine/view.ts'
import { call } from '../client.ts'
import { stateDirOf } from '../place.ts'
import { type CommonOptions, DONE, run, withPlace } from '../verb.ts'

interface Log {
  readonly instance: string
  readonly lines: readonly string[]
}

/** Adds `logs`. Reports E_NOT_RUNNING, E_GROUP_UNKNOWN and E_INSTANCE_UNKNOWN. */
export function addLogs(program: Command): void {
  const command = program
    .command('logs')
    .description('the last lines of the instances of a group')
    .argument('<group>')
    .argument('[instance]')
  withPlace(command).action((group: string, instance: string | undefined, options: CommonOptions) =>
    run(options, async (output) => {
      const stateDir = stateDirOf(options)
      const path = `/groups/${encodeURIComponent(group)}`
      const view = await call<GroupView>(stateDir, 'GET', path)
      const ids = instance === undefined ? view.instances.map((i) => i.id) : [instance]
      const logs: Log[] = []
      for (const id of ids) {
        logs.push(await call<Log>(stateDir, 'GET', `${path}/logs/${encodeURIComponent(id)}`))
      }
      output.document({ group, logs })
      for (const log of logs) for (const line of log.lines) output.say(`${log.instance} | ${line}`)
      return DONE
    }),
  )
}
