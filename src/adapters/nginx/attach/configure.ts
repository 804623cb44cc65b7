// Makes an attached NGINX serve exactly the groups that it is told: targets by links alone; our
// file changes, by one verified reload, only when what stands in it must.
import { fault } from '../../../core/errors.ts'
import type { Fault } from '../../../core/model.ts'
import type { BalancerGroup, Cancel } from '../../../core/ports.ts'
import { forgetPairs } from '../certificate.ts'
import { acceptable, pairsOf } from '../configure.ts'
import type { Installation } from '../installation.ts'
import { withPair } from '../pairs.ts'
import type { GroupState, NginxState } from '../state.ts'
import type { Now } from '../targets/groups.ts'
import { makeFolders } from '../targets/links.ts'
import { listenAddress } from '../written/grammar.ts'
import { apply } from './apply.ts'
import type { Holdback } from './holdback.ts'
import { innerName } from './include.ts'
import type { Master } from './master.ts'
import { type Owner, readInclude } from './place.ts'
import { attachedShape, withinOld } from './shape.ts'
import { nameless, sharing } from './sharing.ts'

/** What is to be configured, and with what. */
export interface Configuring {
  readonly installation: Installation
  readonly owner: Owner
  readonly master: Master
  /** By their names outside. */
  readonly groups: readonly BalancerGroup[]
  readonly holdback: Holdback
  readonly now: Now
  readonly cancel: Cancel
}

/** Returns the first fault; groups without one are served all the same. */
export async function configureAttached(configuring: Configuring): Promise<Fault | undefined> {
  const { installation, owner, now } = configuring
  const { paths } = installation
  const written = readInclude(paths.config, owner)
  if (typeof written === 'object') return written
  const state = installation.state()
  const { groups, first } = await shapes(configuring, state)
  const next: NginxState = { ...state, groups }
  if (textOf(installation, next) === written) {
    installation.save(next)
    installation.applyTargets(now)
    return first
  }
  const failure = await change(configuring, state, groups)
  forgetPairs(paths.pairs, pairsOf(installation.state()))
  installation.applyTargets(now)
  return failure ?? first
}

/** What each group is to have, and the first reason why that is not all that was asked for. */
async function shapes({ installation, owner, master, groups }: Configuring, state: NginxState) {
  const { pairs } = installation.paths
  const shared = new Set(
    state.groups.flatMap((old) => (old.isShared ? [listenAddress(old.group.listen)] : [])),
  )
  const check = async (group: BalancerGroup, isHeld: boolean) => {
    if (group.tls && pairs === '') return noFolder(group)
    const address = listenAddress(group.listen)
    if (isHeld) return shared.has(address) ? nameless(group) : undefined
    const found = await sharing(group, master)
    if ('code' in found) return found
    if (found.isShared) shared.add(address)
    return undefined
  }
  const { groups: accepted, first: refused } = await acceptable(groups, state, check)
  const wanted: GroupState[] = []
  const faults: Fault[] = refused ? [refused] : []
  for (const asked of accepted) {
    const group = { ...asked, group: innerName(asked.group, owner) }
    const old = state.groups.find((one) => one.group.group === group.group)
    const shape = await attachedShape(group, old)
    if (shape.fault) faults.push(shape.fault)
    const isShared = shared.has(listenAddress(group.listen))
    const paired = withPair(pairs, { ...shape.state, isShared })
    if ('code' in paired) faults.push(paired)
    else wanted.push(paired)
  }
  return { groups: wanted, first: faults[0] }
}

function noFolder({ group }: BalancerGroup): Fault {
  const how = 'give the state folder a path of plain letters, digits and . _ + -'
  return fault('E_ATTACH', `group ${group} has no place for its certificate: ${how}`)
}

/** One verified reload; where it fails everything but targets stays as it was. */
async function change(
  { installation, owner, master, holdback, cancel }: Configuring,
  state: NginxState,
  groups: readonly GroupState[],
): Promise<Fault | undefined> {
  const generation = state.generation + 1
  const anew: NginxState = { ...state, generation, groups }
  const key = textOf(installation, { ...anew, generation: 0 }) ?? ''
  const held = holdback.check(key)
  if (held === undefined) {
    for (const group of groups) makeFolders(installation.paths.run, state.epoch, group)
    installation.follow(anew)
    const wanted = {
      text: textOf(installation, anew),
      ...(groups.length > 0 ? { generation } : {}),
      hostnames: groups.flatMap(({ group }) => group.hostnames ?? []),
    }
    const { fault: failure, isReloaded } = await apply(
      { installation, owner, master, cancel },
      wanted,
    )
    if (failure === undefined) {
      holdback.succeeded()
      installation.save(anew)
      return undefined
    }
    if (isReloaded) holdback.failed(key, failure)
    save(installation, { ...state, generation }, groups)
    return failure
  }
  save(installation, state, groups)
  return held
}

// Taken back: the number is not used again, so that a late reload can't be mistaken.
function save(installation: Installation, state: NginxState, wanted: readonly GroupState[]): void {
  const groups = state.groups.map((old) => {
    const next = wanted.find(({ group }) => group.group === old.group.group)
    return next === undefined ? old : withinOld(old, next)
  })
  const after = { ...state, groups }
  installation.save(after)
  installation.follow(after)
}

function textOf(installation: Installation, state: NginxState): string | undefined {
  return state.groups.length === 0 ? undefined : installation.render(state)
}
