// How groups are sized, in the file: bounds, calendar, budget of hours, and the signals.
import * as z from 'zod'
import { queryFields } from './blocks/query.ts'
import {
  cron,
  date,
  duration,
  listWords,
  mapWords,
  percent,
  target,
  text,
  whole,
  word,
  zone,
} from './fields.ts'

/** What holds where neither the group nor the file's own `scaling` says otherwise. */
export const SCALING_DEFAULTS = {
  min_instances: 1,
  max_instances: 5,
  threshold: 80,
  cooldown: '5s',
} as const

const SCHEDULE = listWords('maps like { cron: "0 19 * * 5", min_instances: 5 }', 20)
const DATES = listWords('dates like 2026-12-25', 100)

const schedule = z.strictObject(
  {
    cron: cron.describe(
      'When it starts: minute, hour, day of month, month, day of week. A start that the clock ' +
        'jumps over in spring is at the jump; one in the hour that comes twice starts once.',
    ),
    tz: zone.default('UTC').describe('Time zone that `cron` and `except` are meant in.'),
    duration: duration(60_000).default('1h').describe('How long it holds, from a minute to a day.'),
    min_instances: whole(1, 1000).optional().describe('Never fewer instances than this meanwhile.'),
    max_instances: whole(1, 1000)
      .optional()
      .describe(
        'Never more instances than this meanwhile, once `settle` has passed; where floors and ' +
          'ceilings meet, the floor holds.',
      ),
    except: z
      .array(date, DATES.kind)
      .max(100, DATES.most)
      .default([])
      .describe('Dates on which it does not start.'),
  },
  mapWords('cron and min_instances or max_instances'),
)

/** A `scaling` block. */
export const scaling = z
  .strictObject(
    {
      min_instances: whole(0, 1000)
        .meta({ default: SCALING_DEFAULTS.min_instances })
        .optional()
        .describe(
          'Never fewer instances than this. 0 is only for groups without `http`: with it, ' +
            'a request could find no instance.',
        ),
      max_instances: whole(1, 1000)
        .meta({ default: SCALING_DEFAULTS.max_instances })
        .optional()
        .describe('Never more instances than this.'),
      threshold: percent
        .meta({ default: SCALING_DEFAULTS.threshold })
        .optional()
        .describe('CPU, in percent of one core, at which an instance counts as full.'),
      policy: word(['demand', 'target'])
        .meta({ default: 'demand' })
        .optional()
        .describe(
          'What sizes the group by its first signal that is no query. `demand` forecasts what arrives until a new ' +
            'instance would be ready, and keeps as much headroom as its own past shows is needed; ' +
            '`target` follows each reading.',
        ),
      settle: duration(0)
        .optional()
        .describe(
          'Scale-in waits until fewer instances were wanted for this long. Default: half of the ' +
            'time a boot and a drain take, as learned; with `policy: target`, a `query`, or where ' +
            'only steps of CPU size the group, 60s.',
        ),
      cooldown: duration(0)
        .meta({ default: SCALING_DEFAULTS.cooldown })
        .optional()
        .describe('Time after a scale-out in which no further one is made.'),
      schedule: z
        .array(schedule, SCHEDULE.kind)
        .min(1, SCHEDULE.least)
        .max(20, SCHEDULE.most)
        .optional()
        .describe('Floors and ceilings by the calendar. A manual number stands above them.'),
      max_instance_hours: target
        .optional()
        .describe(
          'Instance-hours that a UTC day may cost: what would overspend them is not started. ' +
            'Nothing is scaled in for it, and `min_instances` always holds.',
        ),
    },
    mapWords('min_instances, max_instances, threshold'),
  )
  .describe('How many instances.')

const bound = (() => {
  const error = 'a number from 0 to 1000000'
  return z.number({ error }).min(0, { error }).max(1e6, { error })
})()
const AMOUNT = 'a whole number from 1 to 1000, or a share like 50%'
const amount = z.union([whole(1, 1000), text(AMOUNT, /^[1-9]\d{0,2}%$/)], { error: AMOUNT })
const STEPS = listWords('maps like { above: 80, add: 2 }', 20)

const step = z.strictObject(
  {
    above: bound.optional().describe('Where the signal is over this, `add` holds.'),
    below: bound.optional().describe('Where the signal is under this, `remove` holds.'),
    add: amount
      .optional()
      .describe('Instances to add, or a share of those that carry the load, rounded down.'),
    remove: amount.optional().describe('Instances to remove, or a share of them.'),
  },
  mapWords('above and add, or below and remove'),
)

const SIGNAL = 'a number above 0, at most 1000000, or { steps: [{ above: 80, add: 2 }] }'
const sized = z.union(
  [
    target,
    z.strictObject(
      {
        steps: z
          .array(step, STEPS.kind)
          .min(1, STEPS.least)
          .max(20, STEPS.most)
          .describe('Bounds and changes instead of a value to keep; the outermost passed holds.'),
      },
      mapWords('steps'),
    ),
  ],
  { error: SIGNAL },
)

/** One entry of `signals`. */
export const signal = z
  .strictObject(
    {
      in_flight: sized.optional().describe('Requests in flight per instance.'),
      rps: sized.optional().describe('Requests per second per instance.'),
      cpu: sized.optional().describe('CPU per instance, in percent of one core.'),
      ...queryFields,
    },
    mapWords('one of in_flight, rps, cpu, query'),
  )
  .meta({ minProperties: 1, maxProperties: 3 })
