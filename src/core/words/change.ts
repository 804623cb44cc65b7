// What in a tick is worth telling: whether it changed or did something, and for whom.
import type { Tick } from '../model.ts'

/** Whether a tick decided on another number, or planned anything. */
export function isChange(tick: Tick): boolean {
  return tick.plan.actions.length > 0 || tick.decisions.some((d) => d.from !== d.to)
}

/** Whether what a tick changed or did is this group's. */
export function concerns(tick: Tick, group: string): boolean {
  const acted = tick.plan.actions.some((a) => a.kind !== 'start-balancer' && a.group === group)
  return acted || tick.decisions.some((d) => d.group === group && d.from !== d.to)
}
