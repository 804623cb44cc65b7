// What is asked of the monitor for a group: the labels of its series, and signals by query.
import * as z from 'zod'
import { mapWords, name, target, text } from '../fields.ts'

/** What an entry of `signals` has that is a query. */
export const queryFields = {
  query: text('PromQL')
    .optional()
    .describe(
      'PromQL for a total over the group, with a `target`; needs `metrics.prometheus`. ' +
        '`$labels` between braces stands for the labels of the group, `"$group"` and ' +
        '`"$app"` for the names.',
    ),
  target: target.optional().describe('How much of the total of `query` one instance carries.'),
  name: name.optional().describe('What the query is called. Default: `query`.'),
}

/** The `labels` of a group. */
export const labels = z
  .record(z.string(), text('text; put numbers in quotes', /^[^\0]{0,1000}$/), mapWords('labels'))
  .refine((all) => Object.keys(all).length <= 20, { error: 'at most 20 labels' })
  .optional()
  .describe(
    'What the series of the group carry in Prometheus, like `job: shop`. Its CPU is read ' +
      'there then, where there is any with these labels, and `$labels` in queries is filled in.',
  )
