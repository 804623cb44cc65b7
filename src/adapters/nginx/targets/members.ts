// Static members: inside they are targets like any other, called by their address, which nobody
// drains.
import type { BalancerGroup, BalancerTarget } from '../../../core/ports.ts'
import { targetAddress } from '../written/grammar.ts'

/** The group with its static members among its targets. */
export function withMembers(group: BalancerGroup): BalancerGroup {
  const { members = [] } = group
  const byName = new Map(members.map((member) => [targetAddress(member), member]))
  const added = [...byName].map(([instance, { host, port }]): BalancerTarget => {
    return { instance, host, port, state: 'active' }
  })
  return added.length === 0 ? group : { ...group, targets: [...group.targets, ...added] }
}

/** The group as it was asked for, without its static members among its targets. */
export function withoutMembers(group: BalancerGroup): BalancerGroup {
  const names = new Set((group.members ?? []).map(targetAddress))
  return { ...group, targets: group.targets.filter(({ instance }) => !names.has(instance)) }
}
