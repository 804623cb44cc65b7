// The file, good and bad: what it means, and how each mistake is told.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { stringify } from 'yaml'
import { diffSpecs, fileOf } from './differences.ts'
import { type Config, parseConfig, specFromCommand } from './parse.ts'
import { formatProblems, type Problem } from './problems.ts'

const dir = '/srv/My_Shop'

function parsed(text: string): Config {
  const result = parseConfig(text, { dir, file: 'plimsoll.yaml' })
  assert.ok(result.ok, result.ok ? '' : formatProblems(result.problems, 'plimsoll.yaml'))
  return result.config
}

function refused(text: string): readonly Problem[] {
  const result = parseConfig(text, { dir, file: 'plimsoll.yaml' })
  assert.ok(!result.ok, 'the file should have been refused')
  return result.problems
}

/** One group whose lines are given, indented as they stand below the group's name. */
const web = (...lines: string[]) =>
  ['groups:', '  web:', '    run: { command: [node, a.js] }', ...lines].join('\n')

test("the mission's own block and one group's run are enough", () => {
  const { spec, api } = parsed(`
scaling: { min_instances: 2, max_instances: 7, threshold: 75 }
groups:
  web:
    run: { command: [node, server.js] }
`)
  assert.equal(spec.app, 'my-shop')
  assert.equal(spec.intervalMs, 1000)
  assert.deepEqual(api, { host: '127.0.0.1', port: 7070 })
  const group = spec.groups[0]
  assert.deepEqual(group?.scaling, {
    minInstances: 2,
    maxInstances: 7,
    thresholdPercent: 75,
    cooldownMs: 5000,
  })
  assert.deepEqual(group?.signals, [{ kind: 'cpu', target: 75 }])
  assert.deepEqual(group?.http?.listen, { host: '127.0.0.1', port: 8080 })
  assert.equal(group?.mode, 'enforce')
  assert.equal(group?.run.cwd, dir)
  assert.match(spec.hash, /^[0-9a-f]{16}$/)
})

const PACED = `
groups:
  web:
    run: { command: [node, server.js] }
    scaling:
      min_instances: 2
      max_instances: 8
      max_instance_hours: 48.5
      schedule:
        - { cron: "0 19 * * fri", tz: Europe/Paris, duration: 3h, min_instances: 5, except: [2026-12-25] }
        - { cron: "*/30 0 1 * *", max_instances: 3 }
    signals:
      - { rps: { steps: [{ above: 70, add: 50% }, { below: 30.5, remove: 2 }] } }
      - { in_flight: 20 }
    needs: [main-db]
resources:
  main-db: { connections: { total: 100, reserve: 30, per_instance: 10 } }
`

test('schedules, steps, budgets of hours and reserves arrive as plain numbers', () => {
  const { spec } = parsed(PACED)
  const [group] = spec.groups
  assert.equal(group?.scaling.maxInstanceHours, 48.5)
  const [evening, nights] = group?.scaling.schedule ?? []
  assert.deepEqual(
    { ...evening, starts: evening?.starts.weekdays },
    {
      ...{ cron: '0 19 * * fri', tz: 'Europe/Paris', durationMs: 10_800_000, starts: [5] },
      ...{ minInstances: 5, except: ['2026-12-25'] },
    },
  )
  assert.deepEqual(
    [nights?.tz, nights?.durationMs, nights?.maxInstances, nights?.starts.minutes],
    ['UTC', 3_600_000, 3, [0, 30]],
  )
  assert.deepEqual(group?.steps, [
    {
      kind: 'rps',
      steps: [
        { side: 'above', bound: 70, by: 50, unit: 'percent' },
        { side: 'below', bound: 30.5, by: 2, unit: 'instances' },
      ],
    },
  ])
  assert.deepEqual(group?.signals, [{ kind: 'in_flight', target: 20 }])
  assert.deepEqual(spec.resources[0]?.connections, { total: 100, perInstance: 10, reserve: 30 })
})

test('what a specification is spelled as reads back as the same, schedules and steps too', () => {
  const { spec } = parsed(PACED)
  const again = parsed(stringify(fileOf(spec)))
  assert.deepEqual(again.spec, { ...spec, hash: again.spec.hash })
})

const FULL = `
app: shop
interval: 500ms
groups:
  web:
    mode: observe
    run:
      command: [node, server.js, "{port}"]
      cwd: app
      user: shop
      env: { A: b, DATABASE_URL: $DATABASE_URL }
      env_file: .env
      start_timeout: 1.5m
      stop_timeout: 2s
    http:
      listen: 8000
      via: [nginx, builtin]
      hostnames: [Shop.Example, "*.shop.example"]
      tls: { certificate: tls/full.pem, key: /etc/key.pem }
      members: ["192.168.1.1:80", "[fd00::1]:8080"]
      health: /healthz
      balance: round_robin
      max_in_flight: 20
      queue_timeout: 0s
      max_body: 1MiB
      timeout: 5s
      trust_forwarded: true
    slo: { p99: 300ms, errors: 0.1% }
    scaling: { max_instances: 8, cooldown: 0s }
    signals: [{ in_flight: 20 }, { rps: 100.5 }]
    needs: [main-db]
resources:
  main-db: { postgres: $DATABASE_URL, connections: { total: 100, per_instance: 10 } }
`

test('every field arrives in the specification, in its unit', () => {
  const { spec } = parsed(FULL)
  const { run, ...group } = spec.groups[0] ?? assert.fail('no group')
  const { hash: runHash, ...runRest } = run
  assert.match(runHash, /^[0-9a-f]{16}$/)
  assert.deepEqual(runRest, {
    command: ['node', 'server.js', '{port}'],
    shell: false,
    cwd: '/srv/My_Shop/app',
    user: 'shop',
    env: { A: 'b', DATABASE_URL: '$DATABASE_URL' },
    envFile: '/srv/My_Shop/.env',
    startTimeoutMs: 90_000,
    stopTimeoutMs: 2000,
  })
  assert.deepEqual(group, {
    name: 'web',
    mode: 'observe',
    http: {
      listen: { host: '0.0.0.0', port: 8000 },
      via: { kind: 'auto' },
      hostnames: ['shop.example', '*.shop.example'],
      tls: { certificate: '/srv/My_Shop/tls/full.pem', key: '/etc/key.pem' },
      members: [
        { host: '192.168.1.1', port: 80 },
        { host: 'fd00::1', port: 8080 },
      ],
      health: '/healthz',
      balance: 'round_robin',
      maxInFlight: 20,
      queueTimeoutMs: 0,
      maxBodyBytes: 1 << 20,
      timeoutMs: 5000,
      trustForwarded: true,
    },
    slo: { p99Ms: 300, errorsRatio: 0.001 },
    scaling: {
      minInstances: 1,
      maxInstances: 8,
      thresholdPercent: 80,
      cooldownMs: 0,
    },
    signals: [
      { kind: 'in_flight', target: 20 },
      { kind: 'rps', target: 100.5 },
    ],
    needs: ['main-db'],
  })
  assert.deepEqual(spec.resources, [
    { name: 'main-db', connections: { total: 100, perInstance: 10 } },
  ])
  assert.ok(!JSON.stringify(spec).includes('postgres'))
})

test('only a group that is alone serves HTTP without saying so', () => {
  assert.equal(parsed(web('    http: none')).spec.groups[0]?.http, undefined)
  assert.equal(parsed(web('    http: false')).spec.groups[0]?.http, undefined)
  const two = parsed(web('  jobs:', '    run: { command: [node, b.js] }'))
  assert.deepEqual(
    two.spec.groups.map((group) => group.http),
    [undefined, undefined],
  )
})

test('a command needs no file', () => {
  const given = specFromCommand(['node', 'server.js'], { dir, listen: '9000' })
  assert.ok(given.ok)
  assert.deepEqual(given.config.spec.groups[0]?.http?.listen, { host: '0.0.0.0', port: 9000 })
  assert.deepEqual(given.config.spec.groups[0]?.run.command, ['node', 'server.js'])
  assert.ok(!specFromCommand([], { dir }).ok)
  assert.ok(!specFromCommand(['node'], { dir, listen: '99999' }).ok)
})

test('two groups on one port are refused, also by default', () => {
  const text = (one: string, two: string) => `groups:
  one: { run: { command: [a] }, http: ${one} }
  two: { run: { command: [a] }, http: ${two} }`
  assert.match(formatProblems(refused(text('{}', '{}')), 'f'), /two.*8080 is taken by group one/)
  refused(text('{ listen: 8080 }', '{ listen: "127.0.0.1:8080" }'))
  parsed(text('{ listen: "127.0.0.1:8080" }', '{ listen: "127.0.0.2:8080" }'))
})

test('groups share one balancer, and one port where NGINX tells them apart by name', () => {
  const text = (one: string, two: string) => `groups:
  one: { run: { command: [a] }, http: { listen: "127.0.0.1:443", ${one} } }
  two: { run: { command: [a] }, http: { ${two} } }`
  const vias = (one: string, two: string) =>
    parsed(text(one, two)).spec.groups.map((group) => group.http?.via)
  const nginx = { kind: 'nginx' }
  assert.deepEqual(vias('via: nginx', 'listen: 81'), [nginx, nginx])
  assert.deepEqual(vias('health: /', 'listen: 81, via: nginx'), [nginx, nginx])
  const attached = 'via: { nginx: { attach: /etc/nginx/conf.d } }'
  const attach = { kind: 'attach', dir: '/etc/nginx/conf.d' }
  assert.deepEqual(vias(attached, `listen: 81, ${attached}`), [attach, attach])
  const same = 'listen: "127.0.0.1:443"'
  const refusals: readonly (readonly [string, string, RegExp])[] = [
    ['via: nginx', 'via: builtin', /:3:.*two.http.via: .*group one says nginx; expected the same/],
    [attached, 'via: nginx', /two.http.via: .*attach: \/etc\/nginx\/conf.d/],
    ['via: builtin', 'tls: { certificate: a, key: b }', /two.http.tls: the built-in.*no tls/],
    ['hostnames: [a]', 'via: builtin', /:2:.*one.http.hostnames: the built-in.*no hostnames/],
    ['via: builtin, members: ["1.2.3.4:5"]', 'listen: 81', /one.http.members: the built-in/],
    ['hostnames: [a.b]', `${same}, hostnames: [c, A.B]`, /443 is taken by .*answers to a.b too/],
    ['hostnames: [two]', `${same}, hostnames: [b]`, /answers to two too/],
    ['hostnames: [a]', same, /443 is taken by group one;/],
    ['hostnames: [a]', 'listen: 443, hostnames: [b]', /443 is taken by group one;/],
    [
      'hostnames: [a], tls: { certificate: a, key: b }',
      `${same}, hostnames: [b]`,
      /only one of them has tls/,
    ],
  ]
  for (const [one, two, told] of refusals) {
    const problems = refused(text(one, two))
    assert.equal(problems.length, 1, formatProblems(problems, 'f'))
    assert.match(formatProblems(problems, 'f'), told)
  }
  parsed(text('hostnames: [a.b]', `${same}, hostnames: [b.b, "*.b"]`))
})

test('minimums that do not fit into a connection budget are refused', () => {
  const text = (min: number) => `
groups:
  one: { run: { command: [a] }, needs: [db], scaling: { min_instances: ${min} } }
  two: { run: { command: [a] }, needs: [db] }
resources:
  db: { redis: $R, connections: { total: 40, per_instance: 10 } }`
  parsed(text(3))
  const told = formatProblems(refused(text(4)), 'f')
  assert.match(told, /:6:.*resources.db.connections.total: .*one, two, 5 instances, opens 50/)
})

test('differences are in the words of the file, and hide secrets', () => {
  const one = parsed(web('    scaling: { max_instances: 5 }')).spec
  const two = parsed(`
groups:
  web:
    run: { command: [node, b.js], env: { KEY: hunter2, REF: $REF } }
    http: { health: /up, timeout: 5s }
    scaling: { max_instances: 8 }
  jobs:
    run: { command: [node, jobs.js] }
`).spec
  assert.deepEqual(diffSpecs(one, one), [])
  assert.deepEqual(diffSpecs(one, two), [
    { path: 'groups.web.run.command', from: '["node","a.js"]', to: '["node","b.js"]' },
    { path: 'groups.web.run.env.KEY', from: 'absent', to: '(hidden)' },
    { path: 'groups.web.run.env.REF', from: 'absent', to: '$REF' },
    { path: 'groups.web.http.timeout', from: '1m', to: '5s' },
    { path: 'groups.web.http.health', from: 'absent', to: '/up' },
    { path: 'groups.web.scaling.max_instances', from: '5', to: '8' },
    { path: 'groups.jobs', from: 'absent', to: 'present' },
  ])
})

test('hashes follow the content and nothing else', () => {
  const a = parsed(web('    http: { timeout: 60s, health: /x }')).spec
  const b = parsed(web('    http: { health: /x, timeout: 1m }')).spec
  const c = parsed(web('    http: { health: /y, timeout: 1m }')).spec
  assert.equal(a.hash, b.hash)
  assert.notEqual(a.hash, c.hash)
  assert.equal(a.groups[0]?.run.hash, c.groups[0]?.run.hash)
})

const FRAGMENTS = [
  'groups:',
  'web:',
  'run:',
  'command:',
  '  ',
  '\n',
  '{',
  '}',
  '[',
  ']',
  '&a',
  '*a',
]
const MORE = [
  '- ',
  '"',
  "'",
  ': ',
  '? ',
  '!!x',
  '|',
  '>',
  '%',
  '@',
  '\t',
  '1',
  'null',
  '<<',
  '#',
  ',',
]

test('no text makes it throw', () => {
  const text = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 200 }),
    fc.array(fc.constantFrom(...FRAGMENTS, ...MORE), { maxLength: 60 }).map((all) => all.join('')),
    fc.json().map((json) => `groups: ${json}`),
    fc.json().map((json) => `groups: { web: ${json} }`),
    fc.object().map((value) => stringify({ groups: { web: { run: value, http: value } } })),
  )
  fc.assert(
    fc.property(text, (given) => {
      const result = parseConfig(given, { dir })
      if (result.ok) return
      assert.ok(result.problems.length > 0)
      formatProblems(result.problems, 'f')
    }),
    { numRuns: 1000 },
  )
})

const aName = fc.stringMatching(/^[a-z][a-z0-9-]{0,8}$/)
const aDuration = fc.tuple(fc.integer({ min: 1, max: 1000 }), fc.constantFrom('ms', 's', 'm'))
const aGroup = fc.record(
  {
    mode: fc.constantFrom('observe', 'enforce'),
    run: fc.record({
      command: fc.array(fc.stringMatching(/^[ -~]{1,9}$/), { minLength: 1, maxLength: 4 }),
      env: fc.dictionary(fc.stringMatching(/^[A-Z]{5,9}$/), fc.string({ unit: 'grapheme' })),
      start_timeout: aDuration.map((parts) => parts.join('')),
    }),
    http: fc.record({ listen: fc.integer({ min: 8000, max: 60_000 }) }),
    slo: fc.record({ errors: fc.integer({ min: 0, max: 10_000 }).map((n) => `${n / 100}%`) }),
    scaling: fc.record({
      min_instances: fc.integer({ min: 1, max: 5 }),
      max_instances: fc.integer({ min: 5, max: 1000 }),
    }),
  },
  { requiredKeys: ['run'] },
)

test('a valid file parses, and its specification says the same again', () => {
  const file = fc.record({
    app: aName,
    groups: fc.dictionary(aName, aGroup, { minKeys: 1, maxKeys: 1 }),
    interval: fc.constantFrom('100ms', '1s', '1.5s', '1m'),
  })
  fc.assert(
    fc.property(file, (value) => {
      if (JSON.stringify(value).includes('\\u0000')) return
      const { spec } = parsed(stringify(value))
      const again = parsed(stringify(fileOf(spec))).spec
      assert.deepEqual(again, spec)
      assert.deepEqual(parsed(JSON.stringify(value)).spec, spec)
    }),
    { numRuns: 300 },
  )
})
