// The bodies and queries of the HTTP API: one description for the check and for the OpenAPI
// document.
import { z } from 'zod'
import { DURATION_PATTERN } from '../core/words/duration.ts'

const duration = z
  .string()
  .regex(DURATION_PATTERN, 'a duration with its unit, such as 15m')
  .describe('How long it holds, with its unit; 15m where nothing is said')
const group = z.string().min(1).max(64).describe('Name of the group')
const dryRun = z.boolean().optional().describe('Only say what would be done')

/** POST scale-group. */
export const scaleGroupBody = z.strictObject({
  group,
  action: z.enum(['scale-out', 'scale-in', 'set']),
  instances: z
    .int()
    .min(0)
    .max(10_000)
    .describe('scale-out, scale-in: how many to add or remove; set: how many there should be'),
  for: duration.optional(),
  dry_run: dryRun,
})

/** POST groups/:name/hold. */
export const holdBody = z.strictObject({ for: duration.optional(), dry_run: dryRun })

/** POST groups/:name/restart, POST reload, POST shutdown. */
export const plainBody = z.strictObject({ dry_run: dryRun })

const integer = z.string().regex(/^\d{1,15}$/, 'a whole number')

/** GET ticks. */
export const ticksQuery = z.strictObject({
  before: integer.optional().describe('Only ticks with a smaller number'),
  limit: integer.optional().describe('How many, 20 where nothing is said, at most 1000'),
  group: group.optional(),
  changed: z
    .enum(['true', 'false'])
    .optional()
    .describe('Only ticks that changed or did something'),
})

/** GET ticks/:id. */
export const tickQuery = z.strictObject({ group: group.optional() })
