// The guard `deploy`: a group that is busy with a new generation keeps its number.
import type { GroupContext } from '../context.ts'
import { generationOf } from '../memory.ts'
import type { Adjustment } from '../model.ts'
import { adjust } from './adjust.ts'

/**
 * No scale-in while a roll goes on: instances that have just begun tell little of the load, and the
 * one that is there beside the others is not one too many. Scale-out stays free.
 */
export function deploy(wanted: number, c: GroupContext): Adjustment | undefined {
  if (wanted >= c.current) return undefined
  const generation = generationOf(c.group, c.memory)
  if (c.memory.rolloutFailed?.generation === generation) return undefined
  let old = 0
  for (const instance of c.ready) if (instance.generation !== generation) old++
  for (const instance of c.starting) if (instance.generation !== generation) old++
  if (old === 0) return undefined
  return adjust('deploy', wanted, c.current, () => {
    return `no scale-in during a roll to generation ${generation}, ${old} to go`
  })
}
