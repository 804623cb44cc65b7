// The guard `bounds`: never more and never fewer than the file allows.
import type { GroupContext } from '../context.ts'
import type { Adjustment } from '../model.ts'
import { adjust } from './adjust.ts'

/** Between `min_instances` and `max_instances`. */
export function bounds(wanted: number, c: GroupContext): Adjustment | undefined {
  const { minInstances, maxInstances } = c.group.scaling
  if (wanted > maxInstances) {
    return adjust('bounds', wanted, maxInstances, () => `max_instances is ${maxInstances}`)
  }
  if (wanted < minInstances) {
    return adjust('bounds', wanted, minInstances, () => `min_instances is ${minInstances}`)
  }
  return undefined
}
