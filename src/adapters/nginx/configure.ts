// Makes NGINX serve exactly the groups that it is told: targets by links alone, everything else by
// a reload that is proven.
import { createServer } from 'node:net'
import { fault } from '../../core/errors.ts'
import type { Fault } from '../../core/model.ts'
import type { BalancerGroup, Cancel } from '../../core/ports.ts'
import { forgetPairs } from './certificate.ts'
import type { Installation } from './installation.ts'
import { withPair } from './pairs.ts'
import { isRunning, readIdentity } from './process.ts'
import { reload } from './reload.ts'
import type { GroupState, NginxState } from './state.ts'
import { type Now, shaped, withKept } from './targets/groups.ts'
import { makeFolders } from './targets/links.ts'
import { listenAddress, refusal } from './written/grammar.ts'

/** What is to be configured, and with what. */
export interface Configuring {
  readonly installation: Installation
  readonly nginx: string
  readonly groups: readonly BalancerGroup[]
  readonly now: Now
  readonly cancel: Cancel
}

/** Returns the first fault; groups without one are served all the same. */
export async function configureGroups(configuring: Configuring): Promise<Fault | undefined> {
  const { installation, nginx, now, cancel } = configuring
  const { paths, control, clock } = installation
  const master = readIdentity(paths.identity)
  if (!master || !isRunning(master)) return fault('E_BALANCER', 'it does not run', true)
  const state = installation.state()
  const { groups, first: refused } = await acceptable(configuring.groups, state)
  const shapes = groups.map((group) => withPair(paths.pairs, shaped(group, oldOf(state, group))))
  const wanted = shapes.flatMap((shape) => ('code' in shape ? [] : [shape]))
  const first = refused ?? shapes.find((shape): shape is Fault => 'code' in shape)
  const next: NginxState = { ...state, groups: wanted }
  if (installation.render(next) === installation.render(state)) {
    installation.save(next)
    installation.applyTargets(now)
    return first
  }
  // New groups serve from the first moment on; known ones are flipped only to pools that exist.
  const generation = state.generation + 1
  const anew: NginxState = { ...state, generation, groups: wanted.map(withKept) }
  for (const group of anew.groups) makeFolders(paths.run, state.epoch, group)
  const text = installation.render(anew)
  const reloading = { nginx, paths, control, clock, cancel }
  const ports = new Set(state.groups.map(({ group }) => group.listen.port))
  // Not the state's number: one that was taken back is used up.
  const begin = (serving: number) => installation.leave(serving)
  const failure = await reload(reloading, master, { text, generation }, { ports, begin })
  // Taken back: the number is not used again, so that a late reload can't be mistaken.
  const after = failure ? { ...state, generation } : anew
  installation.save(after)
  forgetPairs(paths.pairs, pairsOf(after))
  installation.applyTargets(now)
  return failure ?? first
}

/** The pairs of certificate and key that a state serves. */
export function pairsOf({ groups }: NginxState): readonly string[] {
  return groups.flatMap(({ certificate }) => certificate ?? [])
}

function oldOf(state: NginxState, group: BalancerGroup): GroupState | undefined {
  return state.groups.find((old) => old.group.group === group.group)
}

/**
 * The groups that can be served, and the first fault of the others. `check` says whether a group
 * may listen where it wants to; `isHeld` where we listen there already.
 */
export async function acceptable(
  groups: readonly BalancerGroup[],
  state: NginxState,
  check: (group: BalancerGroup, isHeld: boolean) => Promise<Fault | undefined> = checkFree,
): Promise<{ readonly groups: readonly BalancerGroup[]; readonly first: Fault | undefined }> {
  const held = new Set(state.groups.map(({ group }) => listenAddress(group.listen)))
  const accepted: BalancerGroup[] = []
  const faults: Fault[] = []
  for (const group of groups) {
    const refused = refusal(group)
    const { host, port } = group.listen
    const other = accepted.find((one) => clash(one, group))
    if (refused) faults.push(fault('E_BALANCER', `${refused} can't be written for NGINX`))
    else if (other) {
      const message = `${host}:${port} is used by group ${other.group} and can't be shared`
      faults.push(fault('E_PORT_IN_USE', message))
    } else {
      const failure = await check(group, held.has(listenAddress(group.listen)))
      if (failure) faults.push(failure)
      else accepted.push(group)
    }
  }
  return { groups: accepted, first: faults[0] }
}

/** E_PORT_IN_USE where somebody else has the group's address. */
export async function checkFree(
  { listen: { host, port } }: BalancerGroup,
  isHeld = false,
): Promise<Fault | undefined> {
  if (isHeld || (await isFree(host, port))) return undefined
  return fault('E_PORT_IN_USE', `${host}:${port} is in use`)
}

// Only names that differ tell two groups on one address apart.
function clash(a: BalancerGroup, b: BalancerGroup): boolean {
  if (listenAddress(a.listen) !== listenAddress(b.listen)) return false
  const [mine, theirs] = [a, b].map(({ hostnames = [], group }) => {
    return hostnames.length === 0 ? [] : [group, ...hostnames]
  })
  const isNamed = (mine?.length ?? 0) > 0 && (theirs?.length ?? 0) > 0
  return (
    !isNamed ||
    (a.tls === undefined) !== (b.tls === undefined) ||
    mine?.some((name) => theirs?.includes(name)) === true
  )
}

function isFree(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', () => resolve(false))
    server.listen({ host, port, exclusive: true }, () => server.close(() => resolve(true)))
  })
}
