// The guard `downstream`: what the group leans on is full, so that more instances would only lean
// on it harder.
import { type GroupContext, isFresh, numberOf } from '../context.ts'
import type { Adjustment } from '../model.ts'
import { adjust, percent } from './adjust.ts'

/** From this share on a resource counts as saturated. */
const SATURATED = 0.9

/** No scale-out while a resource that the group needs is saturated; never scales anything in. */
export function downstream(wanted: number, c: GroupContext): Adjustment | undefined {
  const { resources } = c.observation
  if (wanted <= c.current || resources === undefined) return undefined
  for (const { name, saturation } of resources) {
    const share = numberOf(saturation)
    if (share === undefined || share < SATURATED || !c.group.needs.includes(name)) continue
    if (saturation.kind === 'value' && !isFresh(saturation.atMs, c)) continue
    return adjust('downstream', wanted, c.current, () => {
      return `${name} is ${percent(share)} full: more instances would only load it more; replicas of it, a cache before it or fewer connections per instance would help`
    })
  }
  return undefined
}
