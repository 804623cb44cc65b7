// Every policy, in the order in which they are told. Of equal wants the first one's reason is told.
import type { Policy } from '../context.ts'
import { backlog } from './backlog.ts'
import { demand } from './demand.ts'
import { health } from './health.ts'
import { latency } from './latency.ts'
import { query } from './query.ts'
import { schedule } from './schedule.ts'
import { step } from './step.ts'
import { target } from './target.ts'

/** The policies; the largest of their wants is what the guards are asked about. */
export const POLICIES: readonly Policy[] = [
  health,
  demand,
  target,
  query,
  step,
  backlog,
  latency,
  schedule,
]
