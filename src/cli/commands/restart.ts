// `plimsoll restart GROUP`: roll new code through a group; waits until it is through or stopped.

import { setTimeout as sleep } from 'node:timers/promises'
import type { Command } from 'commander'
import type { CommandResult } from '../../engine/service.ts'
import type { GroupView } from '../../engine/view.ts'
import { call } from '../client.ts'
import { EXIT } from '../failure.ts'
import type { Output } from '../output.ts'
import { stateDirOf } from '../place.ts'
import { type CommonOptions, DONE, run, withDryRun, withPlace } from '../verb.ts'

const POLL_MS = 250
/** A roll of many slow instances takes long; this only bounds the waiting, not the roll. */
const MOST_WAIT_MS = 30 * 60_000

/**
 * Adds `restart`, which waits for the roll, at most half an hour, and fails when it stopped.
 * Reports E_NOT_RUNNING, E_GROUP_UNKNOWN and E_BUSY.
 */
export function addRestart(program: Command): void {
  const command = program
    .command('restart')
    .description('roll new code through a group: one more, ready, then one drains')
    .argument('<group>')
  withDryRun(withPlace(command)).action((group: string, options: CommonOptions) =>
    run(options, async (output) => {
      const stateDir = stateDirOf(options)
      const path = `/groups/${encodeURIComponent(group)}`
      const body = options.dryRun === true ? { dry_run: true } : {}
      const asked = await call<CommandResult>(stateDir, 'POST', `${path}/restart`, body)
      if (asked.dry_run) {
        output.document(asked)
        output.say(asked.reason)
        return DONE
      }
      const rollout = await waitForRollout(() => call<GroupView>(stateDir, 'GET', path), output)
      output.document({ ...asked, rollout })
      output.say(rollout === 'done' ? `${group} was restarted` : `${group}: ${rollout}`)
      return rollout === 'done' ? DONE : EXIT.failed
    }),
  )
}

async function waitForRollout(look: () => Promise<GroupView>, output: Output): Promise<string> {
  let said = ''
  for (let waited = 0; waited < MOST_WAIT_MS; waited += POLL_MS) {
    const { rollout, ready, desired, instances } = await look()
    if (rollout.startsWith('stopped')) return rollout
    if (rollout === 'none' && ready >= desired && instances.length === ready) return 'done'
    if (rollout !== said) output.note(rollout)
    said = rollout
    await sleep(POLL_MS)
  }
  return 'still rolling'
}
