// What a group is to have in an installation of others: sockets over slots, TCP addresses by sets
// of them. Never forwarders: a Unix socket that a crash left behind keeps an NGINX from starting.
import { connect } from 'node:net'
import { fault } from '../../../core/errors.ts'
import type { Fault } from '../../../core/model.ts'
import type { BalancerGroup, BalancerTarget } from '../../../core/ports.ts'
import type { GroupState } from '../state.ts'
import { stateOf } from '../targets/groups.ts'
import { withMembers } from '../targets/members.ts'
import { grownAddresses, isReached, MOST_ADDRESSES } from '../targets/subsets.ts'
import { targetAddress } from '../written/grammar.ts'
import { hasSlots } from '../written/upstreams.ts'

const CONNECT_MS = 1_000
/** Names in a message. */
const MOST_NAMED = 5

/** A group's state, and why some of its targets are not in it. */
export interface Shape {
  readonly state: GroupState
  readonly fault?: Fault
}

/** The shape of a group that was asked for. Where not all targets can be served, the others are. */
export async function attachedShape(
  asked: BalancerGroup,
  old: GroupState | undefined,
): Promise<Shape> {
  const group = withMembers(asked)
  const { targets, members = [] } = group
  // Without members either kind may come: both are written at once, and neither needs a reload.
  const isSlotted = members.length === 0 || old?.isSlotted === true
  const isOnSockets = isSlotted && targets.every(({ socket }) => socket !== undefined)
  if (isOnSockets) {
    const addresses = grownAddresses(asked, old?.addresses ?? [])
    return { state: { ...stateOf(old, { group, addresses, reach: 'unix' }), isSlotted } }
  }
  const silent = await withoutTcp(targets, old)
  const served = { ...group, targets: targets.filter((one) => !silent.includes(one)).map(onTcp) }
  const addresses = grownAddresses(served, old?.addresses ?? [])
  const known = { ...served, targets: served.targets.filter((one) => isKnown(one, addresses)) }
  const state = { ...stateOf(old, { group: known, addresses, reach: 'direct' }), isSlotted }
  const failure = isReached(served, addresses) ? undefined : tooMany(served, addresses)
  const first = silent.length > 0 ? onlySockets(group, silent) : failure
  return { state, ...(first && { fault: first }) }
}

/**
 * The old state with the new targets, as far as what is in force can reach them: where a reload
 * failed, those that leave must be able to go.
 */
export function withinOld(old: GroupState, wanted: GroupState): GroupState {
  const { reach } = wanted
  const targets = wanted.group.targets.filter((target) => {
    return reach === 'unix' ? hasSlots(old) : isKnown(target, old.addresses)
  })
  if (targets.length === 0 && wanted.group.targets.length > 0) return old
  return { ...old, reach, group: { ...old.group, targets } }
}

function isKnown(target: BalancerTarget, addresses: readonly string[]): boolean {
  return addresses.includes(targetAddress(target))
}

function onTcp({ socket: _socket, ...target }: BalancerTarget): BalancerTarget {
  return target
}

// Applications with the preload listen on both; others may know of their socket only.
async function withoutTcp(
  targets: readonly BalancerTarget[],
  old: GroupState | undefined,
): Promise<readonly BalancerTarget[]> {
  const isServed = ({ instance }: BalancerTarget) =>
    old?.group.targets.some((one) => one.instance === instance && one.socket === undefined)
  const doubtful = targets.filter((one) => one.socket !== undefined && !isServed(one))
  const answers = await Promise.all(doubtful.map(async (one) => ({ one, is: await accepts(one) })))
  return answers.flatMap(({ one, is }) => (is ? [] : [one]))
}

function accepts({ host, port }: BalancerTarget): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: host === 'localhost' ? '127.0.0.1' : host, port })
    const settle = (is: boolean) => {
      clearTimeout(timer)
      socket.destroy()
      resolve(is)
    }
    const timer = setTimeout(() => settle(false), CONNECT_MS)
    socket.on('connect', () => settle(true))
    socket.on('error', () => settle(false))
  })
}

function onlySockets({ group }: BalancerGroup, silent: readonly BalancerTarget[]): Fault {
  const how = 'beside static members or instances on TCP they must listen on {port}'
  return fault(
    'E_ATTACH',
    `${names(silent)} of group ${group} listens on a Unix socket only: ${how}`,
  )
}

function tooMany(group: BalancerGroup, addresses: readonly string[]): Fault {
  const left = names(group.targets.filter((one) => !isKnown(one, addresses)))
  const limit = `an attached NGINX serves at most ${MOST_ADDRESSES} TCP addresses of a group`
  const how = 'let instances listen on Unix sockets ({socket}), or use via: nginx'
  return fault('E_ATTACH', `${limit}, and ${left} of group ${group.group} has none: ${how}`)
}

function names(targets: readonly BalancerTarget[]): string {
  const all = targets.map(({ instance }) => instance)
  const more = all.length > MOST_NAMED ? [`${all.length - MOST_NAMED} more`] : []
  return [...all.slice(0, MOST_NAMED), ...more].join(', ')
}
