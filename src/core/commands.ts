// What people may ask for: checked against the file before it becomes a command.

import { fault } from './errors.ts'
import { budgetLimit } from './guards/budget.ts'
import type { Fault, GroupSpec, Memory, Observation, Spec } from './model.ts'

/** How long a manual scale or a hold lasts when nobody says. */
export const MANUAL_MS = 15 * 60_000

/** By how many, in either direction, or to how many. */
export type ScaleAction = 'scale-out' | 'scale-in' | 'set'

/** A wish for a number of instances, not yet held against bounds and budgets. */
export interface ScaleRequest {
  readonly group: string
  readonly action: ScaleAction
  /** For scale-out and scale-in how many to add or remove; for set how many there should be. */
  readonly instances: number
}

interface World {
  readonly spec: Spec
  readonly memory: Memory
  readonly observation?: Observation
  /** Whether ticks can be kept: instances are only taken away while they can. */
  readonly storeWritable?: boolean
}

/** What came of a check: the value it leads to, or why it was refused. */
export type Checked<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly fault: Fault }

/** The group by its name. Fault: E_GROUP_UNKNOWN. */
export function findGroup(spec: Spec, name: string): Checked<GroupSpec> {
  const group = spec.groups.find((g) => g.name === name)
  if (group !== undefined) return { ok: true, value: group }
  const known = spec.groups.map((g) => g.name).join(', ')
  return {
    ok: false,
    fault: fault('E_GROUP_UNKNOWN', `there is no group ${name}; there is: ${known}`),
  }
}

/**
 * How many instances a request comes to. Faults: E_GROUP_UNKNOWN, E_OUT_OF_BOUNDS, E_BUDGET, and
 * E_STORE for fewer while ticks can't be kept.
 */
export function checkScale(
  request: ScaleRequest,
  world: World,
): Checked<{ readonly from: number; readonly to: number }> {
  const found = findGroup(world.spec, request.group)
  if (!found.ok) return found
  const group = found.value
  const from = world.memory.groups[group.name]?.desired ?? group.scaling.minInstances
  const to = resolve(request, from)
  const { minInstances, maxInstances } = group.scaling
  if (to < minInstances || to > maxInstances) {
    const message = `${to} instances of ${group.name} are out of bounds: ${minInstances} to ${maxInstances}`
    return { ok: false, fault: fault('E_OUT_OF_BOUNDS', message) }
  }
  if (to < from && world.storeWritable === false) {
    const message = 'no scale-in while ticks can not be stored'
    return { ok: false, fault: fault('E_STORE', message, true) }
  }
  const limit =
    world.observation === undefined
      ? undefined
      : budgetLimit(world.spec, group, { observation: world.observation, memory: world.memory })
  if (limit !== undefined && to > limit.instances && to > from) {
    return { ok: false, fault: fault('E_BUDGET', limit.reason) }
  }
  return { ok: true, value: { from, to } }
}

function resolve(request: ScaleRequest, from: number): number {
  switch (request.action) {
    case 'scale-out':
      return from + request.instances
    case 'scale-in':
      return from - request.instances
    case 'set':
      return request.instances
  }
}
