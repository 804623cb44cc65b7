// The `metrics` block: where a Prometheus is, as the file writes it and as the specification has
// it.
import { resolve } from 'node:path'
import * as z from 'zod'
import type { MetricsSpec } from '../../core/model.ts'
import { durationMs } from '../../core/words/duration.ts'
import { duration, flag, mapWords, text } from '../fields.ts'
import { formatDuration } from '../units.ts'

const NAME = '\\$[A-Za-z_][A-Za-z0-9_]*'
const URL_EXPECTED = 'an http or https URL without user, password, ? and #, or a $NAME'
const url = text(URL_EXPECTED, new RegExp(`^(${NAME}|https?://[^\\s?#@\\\\]{1,2000})$`)).refine(
  (given) => given.startsWith('$') || URL.canParse(given),
  { error: URL_EXPECTED },
)
const SECRET = 'a $NAME: the secret itself stands in the environment'
const secret = text(SECRET, new RegExp(`^${NAME}$`))

/** What a name of a header looks like. */
export const HEADER_PATTERN = /^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}$/

const prometheus = z.strictObject(
  {
    url: url.describe('Its address, with the path before `/api/v1` where there is one.'),
    bearer: secret.optional().describe('`$NAME` of a bearer token.'),
    basic: z
      .strictObject(
        {
          user: text('the name of a user', /^[^\0:]{1,200}$/).describe('Who logs in.'),
          password: secret.describe('`$NAME` of the password.'),
        },
        mapWords('user and password'),
      )
      .optional()
      .describe('Basic authentication.'),
    headers: z
      .record(z.string(), text('text of one line', /^[\t\x20-\x7e]{1,4000}$/), mapWords('headers'))
      .meta({ propertyNames: { pattern: HEADER_PATTERN.source } })
      .default({})
      .describe('Further headers, like `X-Scope-OrgID`; a value may be a `$NAME`.'),
    ca: text('the path of a PEM file')
      .optional()
      .describe(
        "PEM file with the authorities to trust instead of the system's; relative to the file's folder.",
      ),
    verify: flag.default(true).describe('Whether its certificate is verified.'),
    max_age: duration(1_000)
      .default('2m')
      .describe('A reading whose newest sample is older is missing.'),
  },
  mapWords('url'),
)

/** The `metrics` block. */
export const metricsSchema = z
  .strictObject(
    {
      prometheus: z
        .union([url, prometheus], { error: `${URL_EXPECTED}, or a map with url` })
        .describe('A Prometheus, or what speaks its HTTP API: the URL, or a map with it.'),
    },
    mapWords('prometheus'),
  )
  .optional()
  .describe('Where readings come from that nobody here measures.')

/** The block as it was parsed. */
export type FileMetrics = NonNullable<z.infer<typeof metricsSchema>>

/** The block as a map, whichever way it was written. */
export function prometheusOf(metrics: FileMetrics): z.infer<typeof prometheus> {
  const { prometheus: given } = metrics
  return typeof given === 'string' ? prometheus.parse({ url: given }) : given
}

/** The specification's part; `dir` is the file's folder. */
export function buildMetrics(metrics: FileMetrics, dir: string): MetricsSpec {
  const { url: prometheusUrl, bearer, basic, headers, ca, ...rest } = prometheusOf(metrics)
  return {
    prometheus: prometheusUrl,
    ...(bearer === undefined ? {} : { bearer }),
    ...(basic === undefined ? {} : { basic }),
    headers,
    ...(ca === undefined ? {} : { ca: resolve(dir, ca) }),
    verify: rest.verify,
    maxAgeMs: durationMs(rest.max_age),
  }
}

/** The specification's part in the words of the file. */
export function metricsOf(metrics: MetricsSpec): Readonly<Record<string, unknown>> {
  const { prometheus: address, maxAgeMs, ...rest } = metrics
  return { prometheus: { url: address, ...rest, max_age: formatDuration(maxAgeMs) } }
}
