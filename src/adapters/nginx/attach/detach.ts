// Lets go of an installation: our file is taken away by one verified reload. Where others still
// pass requests to our upstreams, NGINX could not start without those, and a stub stays.
import { rmSync } from 'node:fs'
import type { Fault } from '../../../core/model.ts'
import type { Cancel } from '../../../core/ports.ts'
import { forgetPairs } from '../certificate.ts'
import type { Installation } from '../installation.ts'
import { apply } from './apply.ts'
import { outerName, renderParked } from './include.ts'
import type { Master } from './master.ts'
import { type Owner, readInclude, writeInclude } from './place.ts'

/** What is let go of; without a master it does not run at the moment. */
export interface Detaching {
  readonly installation: Installation
  readonly owner: Owner
  readonly master: Master | undefined
  readonly cancel: Cancel
}

/** Undefined when nothing of ours serves any more. */
export async function detach(detaching: Detaching): Promise<Fault | undefined> {
  const failure = await withdraw(detaching)
  const { paths } = detaching.installation
  // Our file is still there, and may need the rest.
  if (failure) return failure
  forgetPairs(paths.pairs, [])
  // Asked to end: what was served is not to come back with the next start.
  for (const path of [paths.state, paths.identity, paths.run]) {
    rmSync(path, { recursive: true, force: true })
  }
  return undefined
}

async function withdraw(detaching: Detaching): Promise<Fault | undefined> {
  const { installation, owner, master, cancel } = detaching
  const { config } = installation.paths
  const text = readInclude(config, owner)
  if (typeof text === 'object') return text
  if (text === undefined) return undefined
  if (master === undefined) return writeInclude(config, undefined)
  const applying = { installation, owner, master, cancel }
  const { fault: failure, isBroken } = await apply(applying, { text: undefined })
  if (failure === undefined) return undefined
  // Theirs is broken already: the file goes, and counts as gone with their own next reload.
  if (isBroken) return writeInclude(config, undefined)
  const groups = installation.state().groups.map(({ group }) => outerName(group.group, owner))
  const { fault: second } = await apply(applying, { text: renderParked(groups, owner) })
  return second && failure
}
