// The one description of plimsoll.yaml. Types, parser, JSON Schema and reference page come from
// here.
import * as z from 'zod'
import {
  cron,
  date,
  duration,
  FOLDER_PATTERN,
  flag,
  hostname,
  listen,
  member,
  NAME_PATTERN,
  name,
  percent,
  share,
  size,
  target,
  text,
  VARIABLE_PATTERN,
  whole,
  word,
  zone,
} from './fields.ts'

/** What holds where neither the group nor the file's own `scaling` says otherwise. */
export const SCALING_DEFAULTS = {
  min_instances: 1,
  max_instances: 5,
  threshold: 80,
  settle: '60s',
  cooldown: '5s',
} as const

/** Where a group listens that has `http` but no `listen`. */
export const LISTEN_DEFAULT = '127.0.0.1:8080'

/** The kinds of resource; the key's value is a connection URL or the variable that holds it. */
export const RESOURCE_KINDS = ['postgres', 'mysql', 'redis', 'rabbitmq', 'kafka'] as const

/** Balancing methods, the default first. */
const BALANCE = ['least_connections', 'round_robin'] as const

const map = (what: string) => ({ error: `a map with ${what}` })
/**
 * For the JSON Schema; the rules say it in words, so that what is under a wrong name is read too.
 */
const keys = (pattern: RegExp) => ({ propertyNames: { pattern: pattern.source } })

const list = (what: string, most: number) => ({
  kind: { error: `a list of ${what}` },
  least: { error: `a list of at least one of ${what}` },
  most: { error: `a list of at most ${most} ${what}` },
})
const HOSTNAMES = list('host names', 100)
const MEMBERS = list('addresses', 100)
const SCHEDULE = list('maps like { cron: "0 19 * * 5", min_instances: 5 }', 20)
const DATES = list('dates like 2026-12-25', 100)

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
  map('cron and min_instances or max_instances'),
)

const scaling = z
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
      settle: duration(0)
        .meta({ default: SCALING_DEFAULTS.settle })
        .optional()
        .describe('Scale-in waits until fewer instances were wanted for this long.'),
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
    map('min_instances, max_instances, threshold'),
  )
  .describe('How many instances.')

const run = z
  .strictObject(
    {
      command: z
        .union(
          [
            z
              .array(text('text; put numbers and words like true in quotes', /^[^\0]{0,4096}$/))
              .min(1, { error: 'a list with at least the program, like [node, server.js]' })
              .max(256, { error: 'a list of at most 256 arguments' }),
            text('text that is not empty'),
          ],
          { error: 'a list of arguments, like [node, server.js]' },
        )
        .describe(
          'Program and arguments, as a list; no shell is involved. `{port}` is replaced by the ' +
            "instance's port, and `{socket}` by the path of a Unix socket to listen on instead. " +
            'With `shell: true`, one string.',
        ),
      shell: flag
        .default(false)
        .describe('Hand `command`, then one string, to `/bin/sh -c`. Signals reach the shell.'),
      cwd: text('a folder')
        .default('.')
        .describe("Folder the command runs in; relative to the file's folder."),
      user: text('the name of a user', /^[A-Za-z_][A-Za-z0-9_.-]{0,31}$/)
        .optional()
        .describe('User the instances run as; switching users needs root.'),
      env: z
        .record(
          z.string(),
          text('text; put numbers and words like true in quotes', /^[^\0]{0,32768}$/),
          map('names and values'),
        )
        .meta(keys(VARIABLE_PATTERN))
        .default({})
        .describe(
          'Environment variables. `$NAME` is read from the environment when an instance starts, ' +
            'which keeps secrets out of the file.',
        ),
      env_file: text('the path of a file')
        .optional()
        .describe("File of `NAME=value` lines; relative to the file's folder."),
      start_timeout: duration()
        .default('60s')
        .describe('How long an instance may take to become ready.'),
      stop_timeout: duration()
        .default('30s')
        .describe('How long a drain, and then a stop, may take.'),
    },
    map('command'),
  )
  .describe('How one instance is started and stopped.')

const VIA = 'nginx, builtin, [nginx, builtin] or { nginx: { attach: FOLDER } }'

const attached = z.strictObject(
  {
    nginx: z
      .strictObject(
        {
          attach: text('an absolute folder, like /etc/nginx/conf.d', FOLDER_PATTERN).describe(
            'Absolute folder whose `*.conf` an NGINX that runs already includes in its http block.',
          ),
        },
        map('attach'),
      )
      .describe('An NGINX that runs already.'),
  },
  { error: VIA },
)

const via = z
  .union(
    [
      word(['nginx', 'builtin']),
      z
        .array(word(['nginx', 'builtin']), { error: VIA })
        .refine((list) => list.join() === 'nginx,builtin', { error: '[nginx, builtin]' }),
      attached,
    ],
    { error: VIA },
  )
  .describe(
    'What carries the requests; the same for all groups. `nginx`: an NGINX of its own; ' +
      '`[nginx, builtin]`, also where it is left out: NGINX where it is installed, else the ' +
      'built-in one; `{ nginx: { attach: FOLDER } }`: an NGINX that runs already.',
  )

const tls = z
  .strictObject(
    {
      certificate: text('the path of a PEM file').describe(
        "PEM file with the certificate and what leads to its root; relative to the file's folder.",
      ),
      key: text('the path of a PEM file').describe(
        "PEM file with the certificate's key; relative to the file's folder.",
      ),
    },
    map('certificate and key'),
  )
  .describe('Serve HTTPS and HTTP/2; a renewed certificate is put in force by itself. NGINX only.')

/** The `http` block of a group, as a map. */
export const httpSchema = z.strictObject(
  {
    listen: listen
      .default(LISTEN_DEFAULT)
      .describe('Where clients connect: `host:port`, or a port, which listens on every address.'),
    via: via.optional(),
    hostnames: z
      .array(hostname, HOSTNAMES.kind)
      .min(1, HOSTNAMES.least)
      .max(100, HOSTNAMES.most)
      .optional()
      .describe(
        'Names that it answers to, like `shop.example` or `"*.shop.example"`; others get 421. ' +
          'Groups with different names may share one `listen`. NGINX only.',
      ),
    tls: tls.optional(),
    members: z
      .array(member, MEMBERS.kind)
      .min(1, MEMBERS.least)
      .max(100, MEMBERS.most)
      .optional()
      .describe(
        'Addresses that are served beside the instances, like `192.168.1.1:80`: their health is ' +
          'checked, but nobody here starts or ends them. NGINX only.',
      ),
    health: text('a path that starts with /', /^\/[\x21-\x7e]{0,2047}$/)
      .optional()
      .describe('Path that answers 2xx when an instance is ready. Without one: a TCP accept.'),
    balance: word(BALANCE)
      .default('least_connections')
      .describe('How requests are spread over the instances.'),
    max_in_flight: whole(1, 100_000)
      .default(1000)
      .describe(
        'Requests one instance is given at once. More wait in the built-in balancer; NGINX ' +
          'answers them 503.',
      ),
    queue_timeout: duration(0)
      .default('5s')
      .describe(
        'How long a request may wait for an instance before it is answered 503; NGINX does not ' +
          'let it wait.',
      ),
    max_body: size
      .default('10MB')
      .describe(
        'Largest request body; larger ones are answered 413. KB, MB, GB count in 1000s; KiB, MiB, GiB in 1024s.',
      ),
    timeout: duration()
      .default('60s')
      .describe('How long an instance may keep silent on a request.'),
    trust_forwarded: flag
      .default(false)
      .describe("Keep the client's own X-Forwarded-* headers; only behind another proxy."),
  },
  map('listen, health'),
)

const http = z
  .union([httpSchema, z.literal(false), z.literal('none')], {
    error: 'a map ({} for all defaults), or none for a worker',
  })
  .describe(
    'How the group is reached over HTTP. `{}` takes every default; `none` makes it a worker. ' +
      'Where it is left out: the only group of a file gets `{}`; one of several is a worker.',
  )

const bound = (() => {
  const error = 'a number from 0 to 1000000'
  return z.number({ error }).min(0, { error }).max(1e6, { error })
})()
const AMOUNT = 'a whole number from 1 to 1000, or a share like 50%'
const amount = z.union([whole(1, 1000), text(AMOUNT, /^[1-9]\d{0,2}%$/)], { error: AMOUNT })
const STEPS = list('maps like { above: 80, add: 2 }', 20)

const step = z.strictObject(
  {
    above: bound.optional().describe('Where the signal is over this, `add` holds.'),
    below: bound.optional().describe('Where the signal is under this, `remove` holds.'),
    add: amount
      .optional()
      .describe('Instances to add, or a share of those that carry the load, rounded down.'),
    remove: amount.optional().describe('Instances to remove, or a share of them.'),
  },
  map('above and add, or below and remove'),
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
      map('steps'),
    ),
  ],
  { error: SIGNAL },
)

const signal = z
  .strictObject(
    {
      in_flight: sized.optional().describe('Requests in flight per instance.'),
      rps: sized.optional().describe('Requests per second per instance.'),
      cpu: sized.optional().describe('CPU per instance, in percent of one core.'),
    },
    map('one of in_flight, rps, cpu'),
  )
  .meta({ minProperties: 1, maxProperties: 1 })

const group = z.strictObject(
  {
    mode: word(['enforce', 'observe'])
      .default('enforce')
      .describe('`observe` decides and explains, but changes no number of instances.'),
    run,
    http: http.optional(),
    slo: z
      .strictObject(
        {
          p99: duration().optional().describe('99 of 100 requests are answered within this.'),
          errors: share.optional().describe('Share of requests that may fail, like 0.1%.'),
        },
        map('p99 or errors'),
      )
      .default({})
      .describe('The service level objective; what is left out is not watched.'),
    scaling: scaling.optional().describe("Overrides of the file's own `scaling`."),
    signals: z
      .array(signal, { error: 'a list, like [{ in_flight: 20 }]' })
      .min(1, { error: 'a list of at least one, like [{ in_flight: 20 }]' })
      .max(3, { error: 'a list of at most three' })
      .optional()
      .describe(
        'What the group is sized by: the value one instance should carry. ' +
          'Default: `cpu` at `scaling.threshold`.',
      ),
    needs: z
      .array(name, { error: 'a list of names of resources' })
      .max(20, { error: 'a list of at most 20 names' })
      .default([])
      .describe('Resources whose budgets bound this group.'),
  },
  map('run'),
)

const url = text(
  'a $NAME, or a connection URL',
  /^(\$[A-Za-z_][A-Za-z0-9_]*|[a-z][a-z0-9+.-]*:\/\/\S{1,2000})$/,
).optional()

const resource = z.strictObject(
  {
    postgres: url.describe('PostgreSQL: the connection URL, better as `$NAME`.'),
    mysql: url.describe('MySQL or MariaDB.'),
    redis: url.describe('Redis.'),
    rabbitmq: url.describe('RabbitMQ.'),
    kafka: url.describe('Kafka.'),
    connections: z
      .strictObject(
        {
          total: whole(1, 1_000_000).describe('Connections that there are, like max_connections.'),
          reserve: whole(0, 1_000_000)
            .default(0)
            .describe('Those that are kept for others: migrations, backups, people.'),
          per_instance: whole(1, 1_000_000).describe('Connections that one instance may open.'),
        },
        map('total and per_instance'),
      )
      .optional()
      .describe('The connection budget: groups that need the resource never scale beyond it.'),
  },
  map('a kind and connections'),
)

/** The whole file. */
export const fileSchema = z
  .strictObject(
    {
      app: name.optional().describe("Name of the application. Default: the folder's name."),
      interval: duration(100)
        .default('1s')
        .describe('Time between two turns of the loop, from 100ms.'),
      scaling: scaling.optional().describe('Defaults for every group.'),
      groups: z
        .record(z.string(), group, map('one entry per group'))
        .meta(keys(NAME_PATTERN))
        .refine((groups) => Object.keys(groups).length >= 1, { error: 'at least one group' })
        .refine((groups) => Object.keys(groups).length <= 50, { error: 'at most 50 groups' })
        .describe('Sets of interchangeable instances that scale together, by name.'),
      resources: z
        .record(z.string(), resource, map('one entry per resource'))
        .meta(keys(NAME_PATTERN))
        .refine((all) => Object.keys(all).length <= 50, { error: 'at most 50 resources' })
        .default({})
        .describe('What groups share and can exhaust, by name.'),
      api: z
        .strictObject(
          {
            listen: listen.default('127.0.0.1:7070').describe('Where the API and page listen.'),
          },
          map('listen'),
        )
        .default({ listen: '127.0.0.1:7070' })
        .describe('The HTTP API of Plimsoll itself.'),
    },
    map('groups'),
  )
  .describe('plimsoll.yaml')

/** The file as it was parsed: YAML words, defaults filled in, units still as text. */
export type File = z.infer<typeof fileSchema>
/** One entry of `groups`. */
export type FileGroup = File['groups'][string]
/** A `scaling` block, of the file or of a group. */
export type FileScaling = z.infer<typeof scaling>
/** An `http` block that is a map. */
export type FileHttp = z.infer<typeof httpSchema>
