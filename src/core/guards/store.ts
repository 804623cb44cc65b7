// The guard `store`: what can't be written down is not taken away.
import type { GroupContext } from '../context.ts'
import type { Adjustment } from '../model.ts'
import { adjust } from './adjust.ts'

/** No scale-in while ticks can't be kept. */
export function store(wanted: number, c: GroupContext): Adjustment | undefined {
  if (wanted >= c.current || c.observation.storeWritable) return undefined
  return adjust('store', wanted, c.current, () => 'no scale-in while ticks can not be stored')
}
