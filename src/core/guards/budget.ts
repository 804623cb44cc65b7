// The guard `budget`: how many instances the connections of what they share can bear.
import { type GroupContext, instancesOf } from '../context.ts'
import type { Adjustment, GroupSpec, Memory, Observation, ResourceSpec, Spec } from '../model.ts'
import { adjust } from './adjust.ts'

/** A connection budget stops scale-out; it never scales in what runs already. */
export function budget(wanted: number, c: GroupContext): Adjustment | undefined {
  if (c.group.needs.length === 0) return undefined
  const world = { observation: c.observation, memory: c.memories }
  const limit = budgetLimit(c.spec, c.group, world)
  if (limit === undefined || wanted <= limit.instances) return undefined
  const to = Math.max(limit.instances, Math.min(wanted, c.current))
  return adjust('budget', wanted, to, () => limit.reason)
}

/** How far one shared resource lets a group grow, and why. */
export interface BudgetLimit {
  readonly resource: ResourceSpec
  /** Instances of this group that fit. */
  readonly instances: number
  readonly reason: string
}

/**
 * The tightest limit on a group by the resources it needs: floor((total − reserve − what the
 * other groups hold) / per instance). Other groups count with what they have or should
 * have, whichever is more.
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
  const { total, perInstance, reserve = 0 } = resource.connections ?? { total: 0, perInstance: 1 }
  const others = spec.groups
    .filter((g) => g.name !== group.name && g.needs.includes(resource.name))
    .reduce((sum, g) => sum + held(g, world) * perInstance, 0)
  const instances = Math.max(0, Math.floor((total - reserve - others) / perInstance))
  const shared = others > 0 ? `, ${others} of them held by other groups` : ''
  const kept = reserve > 0 ? `, ${reserve} of them in reserve` : ''
  const reason = `${resource.name} allows ${total} connections${kept}${shared}, ${perInstance} per instance: ${instances} instances at most`
  return { resource, instances, reason }
}

function held(group: GroupSpec, world: { observation: Observation; memory: Memory }): number {
  const seen = world.observation.groups.find((g) => g.group === group.name)
  const alive = seen ? instancesOf(seen).filter((i) => i.phase !== 'exited').length : 0
  return Math.max(alive, world.memory.groups[group.name]?.desired ?? group.scaling.minInstances)
}
