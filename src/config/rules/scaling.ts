// Rules for what moves the number: schedules, budgets of instance-hours, steps.
import type { Path } from '../document.ts'
import { SCALING_DEFAULTS } from '../scaling-schema.ts'
import type { GroupCase, Verdict } from './cases.ts'

/** Each entry says something, and nothing that the bounds forbid. */
export function checkSchedule({ group, path, scaling }: GroupCase): readonly Verdict[] {
  const { max_instances: max = SCALING_DEFAULTS.max_instances } = scaling
  const { min_instances: min = SCALING_DEFAULTS.min_instances } = scaling
  const own = group.scaling?.schedule !== undefined
  const where: Path = own ? [...path, 'scaling', 'schedule'] : ['scaling', 'schedule']
  return (scaling.schedule ?? []).flatMap((entry, index): Verdict[] => {
    const at: Path = [...where, index]
    const { min_instances: floor, max_instances: ceiling } = entry
    const bounds = [at, ...boundsOf(path)]
    if (floor === undefined && ceiling === undefined) {
      const expected = 'min_instances or max_instances in each entry'
      return [{ path: at, uses: [at], expected, message: `expected ${expected}.` }]
    }
    if (floor !== undefined && floor > max) {
      const message = `min_instances, ${floor}, is above the max_instances of the group, ${max}.`
      const expected = `at most ${max}`
      return [{ path: [...at, 'min_instances'], uses: bounds, expected, message }]
    }
    if (ceiling === undefined || ceiling >= Math.max(min, floor ?? 0)) return []
    const least = Math.max(min, floor ?? 0)
    const message = `max_instances, ${ceiling}, is below min_instances, ${least}.`
    const expected = `at least ${least}`
    return [{ path: [...at, 'max_instances'], uses: bounds, expected, message }]
  })
}

function boundsOf(path: Path): readonly Path[] {
  return [path, []].flatMap((start) =>
    ['min_instances', 'max_instances'].map((key) => [...start, 'scaling', key]),
  )
}

/** The minimum alone must not overspend a day. */
export function checkHours({ group, path, scaling }: GroupCase): readonly Verdict[] {
  const { max_instance_hours: budget, min_instances: min = SCALING_DEFAULTS.min_instances } =
    scaling
  if (budget === undefined || budget >= min * 24) return []
  const own = group.scaling?.max_instance_hours !== undefined
  const where: Path = own ? [...path, 'scaling'] : ['scaling']
  const expected = `at least ${min * 24}`
  const message = `min_instances, ${min}, alone cost ${min * 24} instance-hours a day, and max_instance_hours is ${budget}.`
  return [{ path: [...where, 'max_instance_hours'], uses: boundsOf(path), expected, message }]
}

/** Each step has one bound with its own kind of change, and no value is on both sides. */
export function checkSteps({ group, path }: GroupCase): readonly Verdict[] {
  return (group.signals ?? []).flatMap((signal, index) =>
    Object.entries(signal).flatMap(([kind, given]): Verdict[] => {
      if (typeof given !== 'object') return []
      const where: Path = [...path, 'signals', index, kind, 'steps']
      const wrong = given.steps.flatMap((step, at): Verdict[] => {
        const keys = Object.keys(step).filter((key) => step[key as keyof typeof step] !== undefined)
        if (['above,add', 'below,remove'].includes(keys.sort().join())) return []
        const expected = 'above and add, or below and remove, in each entry'
        const uses = [[...where, at]]
        return [{ path: [...where, at], uses, expected, message: `expected ${expected}.` }]
      })
      const lowest = Math.min(...given.steps.flatMap((s) => s.above ?? []))
      const highest = Math.max(...given.steps.flatMap((s) => s.below ?? []))
      if (wrong.length > 0 || highest <= lowest) return wrong
      const expected = 'every below at most every above'
      const message = `below ${highest} and above ${lowest} meet; expected ${expected}.`
      return [{ path: where, uses: [where], expected, message }]
    }),
  )
}
