// The one description of plimsoll.yaml. Types, parser, JSON Schema and reference page come from
// here.
import * as z from 'zod'
import { metricsSchema } from './blocks/metrics.ts'
import { labels } from './blocks/query.ts'
import {
  duration,
  FOLDER_PATTERN,
  flag,
  hostname,
  listen,
  listWords,
  mapWords,
  member,
  NAME_PATTERN,
  name,
  share,
  size,
  text,
  VARIABLE_PATTERN,
  whole,
  word,
} from './fields.ts'
import { scaling, signal } from './scaling-schema.ts'

/** Where a group listens that has `http` but no `listen`. */
export const LISTEN_DEFAULT = '127.0.0.1:8080'

/** The kinds of resource; the key's value is a connection URL or the variable that holds it. */
export const RESOURCE_KINDS = ['postgres', 'mysql', 'redis', 'rabbitmq', 'kafka'] as const

/** Balancing methods, the default first. */
const BALANCE = ['least_connections', 'round_robin'] as const

/**
 * For the JSON Schema; the rules say it in words, so that what is under a wrong name is read too.
 */
const keys = (pattern: RegExp) => ({ propertyNames: { pattern: pattern.source } })

const HOSTNAMES = listWords('host names', 100)
const MEMBERS = listWords('addresses', 100)

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
          mapWords('names and values'),
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
    mapWords('command'),
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
        mapWords('attach'),
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
    mapWords('certificate and key'),
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
  mapWords('listen, health'),
)

const http = z
  .union([httpSchema, z.literal(false), z.literal('none')], {
    error: 'a map ({} for all defaults), or none for a worker',
  })
  .describe(
    'How the group is reached over HTTP. `{}` takes every default; `none` makes it a worker. ' +
      'Where it is left out: the only group of a file gets `{}`; one of several is a worker.',
  )

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
          late: share
            .meta({ default: '0.1%' })
            .optional()
            .describe(
              'Share of requests that may have to wait for want of instances: the smaller, the ' +
                'more headroom the policy `demand` keeps.',
            ),
        },
        mapWords('p99, errors or late'),
      )
      .default({})
      .describe('The service level objective; what is left out is not watched.'),
    scaling: scaling.optional().describe("Overrides of the file's own `scaling`."),
    signals: z
      .array(signal, { error: 'a list, like [{ in_flight: 20 }]' })
      .min(1, { error: 'a list of at least one, like [{ in_flight: 20 }]' })
      .max(10, { error: 'a list of at most ten' })
      .optional()
      .describe(
        'What the group is sized by: the value one instance should carry. ' +
          'Default: `cpu` at `scaling.threshold`.',
      ),
    labels,
    needs: z
      .array(name, { error: 'a list of names of resources' })
      .max(20, { error: 'a list of at most 20 names' })
      .default([])
      .describe('Resources whose budgets bound this group.'),
  },
  mapWords('run'),
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
        mapWords('total and per_instance'),
      )
      .optional()
      .describe('The connection budget: groups that need the resource never scale beyond it.'),
  },
  mapWords('a kind and connections'),
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
        .record(z.string(), group, mapWords('one entry per group'))
        .meta(keys(NAME_PATTERN))
        .refine((groups) => Object.keys(groups).length >= 1, { error: 'at least one group' })
        .refine((groups) => Object.keys(groups).length <= 50, { error: 'at most 50 groups' })
        .describe('Sets of interchangeable instances that scale together, by name.'),
      resources: z
        .record(z.string(), resource, mapWords('one entry per resource'))
        .meta(keys(NAME_PATTERN))
        .refine((all) => Object.keys(all).length <= 50, { error: 'at most 50 resources' })
        .default({})
        .describe('What groups share and can exhaust, by name.'),
      metrics: metricsSchema,
      api: z
        .strictObject(
          {
            listen: listen.default('127.0.0.1:7070').describe('Where the API and page listen.'),
          },
          mapWords('listen'),
        )
        .default({ listen: '127.0.0.1:7070' })
        .describe('The HTTP API of Plimsoll itself.'),
    },
    mapWords('groups'),
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
