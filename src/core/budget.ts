// Connection budgets: how many instances what they share can bear.
import { instancesOf } from './context.ts'
import type { GroupSpec, Memory, Observation, ResourceSpec, Spec } from './model.ts'

/** How far one shared resource lets a group grow, and why. */
export interface BudgetLimit {
  readonly resource: ResourceSpec
  /** Instances of this group that fit. */
  readonly instances: number
  readonly reason: string
}

/**
 * The tightest limit on a group by the resources it needs: floor((total − what the other groups
 * hold) / per instance). Other groups count with what they have or should have, whichever is more.
 */
export function budgetLimit(
  spec: Spec,
  group: GroupSpec,
  world: { readonly observation: Observation; readonly memory: Memory },
): BudgetLimit | undefined {
  const limits = group.needs.flatMap((name) => {
    const resource = spec.resources.find((r) => r.name === name)
    return resource?.connections === undefined ? [] : [limitBy(resource, spec, group, world)]
  })
  return limits.sort((a, b) => a.instances - b.instances)[0]
}

function limitBy(
  resource: ResourceSpec,
  spec: Spec,
  group: GroupSpec,
  world: { readonly observation: Observation; readonly memory: Memory },
): BudgetLimit {
  const { total, perInstance } = resource.connections ?? { total: 0, perInstance: 1 }
  const others = spec.groups
    .filter((g) => g.name !== group.name && g.needs.includes(resource.name))
    .reduce((sum, g) => sum + held(g, world) * perInstance, 0)
  const instances = Math.max(0, Math.floor((total - others) / perInstance))
  const shared = others > 0 ? `, ${others} of them held by other groups` : ''
  const reason = `${resource.name} allows ${total} connections${shared}, ${perInstance} per instance: ${instances} instances at most`
  return { resource, instances, reason }
}

function held(group: GroupSpec, world: { observation: Observation; memory: Memory }): number {
  const seen = world.observation.groups.find((g) => g.group === group.name)
  const alive = seen ? instancesOf(seen).filter((i) => i.phase !== 'exited').length : 0
  return Math.max(alive, world.memory.groups[group.name]?.desired ?? group.scaling.minInstances)
}
