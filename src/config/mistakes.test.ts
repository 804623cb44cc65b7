// Mistakes in the file: each is told with its place, and none of them tells a secret.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Config, parseConfig } from './parse.ts'
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

const sched = (entry: string) => web(`    scaling: { schedule: [{ ${entry} }] }`)
const stepped = (steps: string) => web(`    signals: [{ cpu: { steps: [${steps}] } }]`)

/** What is refused: the text, then for each problem its place, path and words. */
const REFUSALS: readonly (readonly [name: string, text: string, ...problems: string[]])[] = [
  ['empty', '', '1:1 The file is empty'],
  ['comments only', '# nothing\n', '1:1 The file is empty'],
  ['top level', '- a\n- b', '1:1 a list.*map with groups'],
  ['a tab', 'groups:\n\tweb: 1', '2:1 tab'],
  ['several documents', 'app: a\n---\napp: b', 'several documents'],
  ['no such alias', `${web()}\napp: *x`, '4:6 alias'],
  ['no such tag', `${web()}\napp: !x y`, '4:6 tag'],
  ['an open quote', `${web()}\napp: "x`, 'Missing closing'],
  ['a key twice', `${web()}\napp: a\napp: b`, '5:1 app is given twice'],
  ['__proto__', `${web()}\n__proto__: { a: 1 }`, '4:1 no plain word'],
  ['no groups', 'app: a', '1:1 groups: is missing'],
  ['no group', 'groups: {}', '1:9 groups:.*at least one group'],
  ['an unknown key', web('    htp: {}'), '4:5 groups.web.htp: unknown key.*Did you mean http'],
  ['a key in camel case', web('    scaling: { maxInstances: 3 }'), 'Did you mean max_instances'],
  ['an unknown word', web('    mode: enforced'), '4:11 groups.web.mode:.*Did you mean enforce'],
  ['a name', 'groups:\n  Web:\n    run: { command: [a] }', '2:\\d+ groups.Web: expected a name'],
  ['no unit', web('    slo: { p99: 300 }'), '4:17 groups.web.slo.p99: found 300.*300ms or 300s'],
  ['no unit, quoted', web('    slo: { p99: "300" }'), 'found "300".*300ms or 300s'],
  ['no size', web('    http: { max_body: 10 }'), 'http.max_body: found 10.*10KB or 10MB'],
  ['no percent', web('    slo: { errors: 0.1 }'), 'slo.errors: found 0.1.*write 0.1%'],
  ['a percent', web('    scaling: { threshold: 80% }'), 'found "80%".*write 80\\.'],
  ['threshold', web('    scaling: { threshold: 0 }'), '4:27 .*from 1 to 100'],
  ['a share of all', web('    slo: { errors: 101% }'), 'found "101%", expected a share'],
  ['a day and more', web('    slo: { p99: 25h }'), 'found "25h", expected a duration'],
  ['interval', `interval: 10ms\n${web()}`, '1:11 interval: .*at least 100ms'],
  ['max < min', web('    scaling: { min_instances: 6 }'), '4:31 .*max_instances, 5, is below.* 6'],
  ['max < min, file', `scaling: { min_instances: 3, max_instances: 2 }\n${web()}`, '1:27 scaling'],
  ['zero with http', web('    scaling: { min_instances: 0 }'), '4:31 .*no instance'],
  ['cron', sched('cron: "0 19 * *"'), '4:35 .*schedule\\[0\\].cron: .*five cron fields'],
  ['cron, 25 h', sched('cron: "0 25 * * *"'), 'found "0 25 \\* \\* \\*", expected five cron'],
  ['a zone', sched('cron: "0 1 * * *", tz: Europe/Pari'), 'expected a time zone'],
  ['a date', sched('cron: "0 1 * * *", except: [2026-02-30]'), 'except\\[0\\]: .*expected a date'],
  ['a week', sched('cron: "0 1 * * *", duration: 168h'), 'found "168h", expected a duration'],
  ['floor', sched('cron: "0 1 * * *", min_instances: 6'), 'above the max_instances.* 5'],
  [
    'ceiling',
    sched('cron: "0 1 * * *", min_instances: 3, max_instances: 2'),
    'max_instances, 2, is below .* 3',
  ],
  ['no number', sched('cron: "0 1 * * *"'), 'schedule\\[0\\]: expected min_instances or max_inst'],
  [
    'hours',
    web('    scaling: { max_instance_hours: 23 }'),
    '4:36 .*1, alone cost 24 instance-hours',
  ],
  ['a step', stepped('{ above: 70, remove: 1 }'), 'steps\\[0\\]: expected above and add'],
  [
    'steps meet',
    stepped('{ above: 70, add: 1 }, { below: 80, remove: 1 }'),
    'below 80 and above 70',
  ],
  ['a share', stepped('{ above: 70, add: 0% }'), 'add: found "0%", expected a whole number.*50%'],
  ['no steps', stepped(''), 'steps: .*a list of at least one of maps'],
  ['a signal', web('    signals: [{ cpu: high }]'), 'found "high", expected a number.*or { steps'],
  [
    'reserve',
    `${web('    needs: [db]')}\nresources:\n  db: { connections: { total: 9, reserve: 5, per_instance: 5 } }`,
    'opens 5 connections, 5 are kept, and total is 9',
  ],
  ['nothing', web('    http:'), 'groups.web.http: found nothing, expected a map \\({}'],
  ['port 0', web('    http: { listen: 0 }'), '4:21 .*found 0, expected a port'],
  ['port', web('    http: { listen: "a:65536" }'), '4:21 .*expected a port'],
  ["the API's port", web('    http: { listen: 7070 }'), '4:21 .*port 7070 is taken by the API'],
  ['no via', web('    http: { via: ngnix }'), '4:18 groups.web.http.via: .*Did you mean nginx'],
  ['via, twice', web('    http: { via: [nginx, nginx] }'), '4:18 .*expected \\[nginx, builtin\\]'],
  ['attach', web('    http: { via: { nginx: { attach: conf.d } } }'), '4:37 .*absolute folder'],
  ['attach ..', web('    http: { via: { nginx: { attach: /a/../b } } }'), 'absolute folder'],
  ['attach ;', web('    http: { via: { nginx: { attach: "/a;b" } } }'), 'absolute folder'],
  ['a host', web('    http: { hostnames: ["a b"] }'), '4:25 .*hostnames\\[0\\]: .*host name like'],
  ['a star', web('    http: { hostnames: ["a.*.b"] }'), 'host name like'],
  ['no hosts', web('    http: { hostnames: [] }'), '4:24 .*at least one of host names'],
  ['a host twice', web('    http: { hostnames: [a, A] }'), '4:28 .*a is given twice'],
  ['a member', web('    http: { members: ["db:80"] }'), '4:23 .*an IP address and a port'],
  ["a member's port", web('    http: { members: ["1.2.3.4:0"] }'), 'an IP address and a port'],
  ['no key', web('    http: { tls: { certificate: a } }'), '4:18 .*tls.key: is missing'],
  ['no such IP', web('    http: { listen: "[1::2::3]:80" }'), '4:21 .*expected a port'],
  ['no such host', web('    http: { listen: ".a:80" }'), '4:21 .*expected a port'],
  ['health', web('    http: { health: healthz }'), 'http.health: .*starts with /'],
  ['no target', web('    signals: [{ cpu: 0 }]'), '4:22 groups.web.signals\\[0\\].cpu: .*above 0'],
  ['two targets', web('    signals: [{ cpu: 1, rps: 2 }]'), '4:15 .*exactly one'],
  ['a target twice', web('    signals: [{ cpu: 1 }, { cpu: 2 }]'), '4:27 .*cpu is given twice'],
  ['no targets', web('    signals: []'), '4:14 .*at least one'],
  ['a worker', web('    http: none', '    signals: [{ rps: 1 }]'), '5:15 .*no http'],
  ['slo, worker', web('    http: none', '    slo: { p99: 1s }'), '5:10 .*no http'],
  ['needs', web('    needs: [db]', 'resources: { db1: {} }'), '4:13 .*no resource.*mean db1'],
  ['PORT', 'groups: { web: { run: { command: [a], env: { PORT: "1" } } } }', 'PORT is set by'],
]

/** The first space of a pattern that starts with a place stands for anything. */
function lineLike(pattern: string): RegExp {
  return new RegExp(/^\d/.test(pattern) ? `^f.yaml:${pattern.replace(' ', '.*')}` : pattern)
}

test('each mistake is told with its place, its path and what was expected', () => {
  for (const [name, text, ...patterns] of REFUSALS) {
    const lines = formatProblems(refused(text), 'f.yaml').split('\n')
    const told = lines.join('\n')
    assert.equal(lines.length, patterns.length, `${name}: ${told}`)
    for (const [index, pattern] of patterns.entries())
      assert.match(lines[index] ?? '', lineLike(pattern), name)
  }
})

test('commands: lists without a shell, one string with it', () => {
  const command = (run: string) => `groups: { web: { run: { ${run} } } }`
  const ofRun = (text: string) => parsed(command(text)).spec.groups[0]?.run
  assert.deepEqual(ofRun('command: "a | b", shell: true')?.command, ['a | b'])
  assert.deepEqual(ofRun('command: [a, ""]')?.command, ['a', ''])
  const said = (text: string) => formatProblems(refused(command(text)), 'f')
  assert.match(said('command: node server.js'), /found text, expected a list.*shell: true/)
  assert.match(said('command: [a, b], shell: true'), /one string with shell: true/)
  assert.match(said('command: []'), /run.command: .*at least the program/)
  assert.match(said('command: [""]'), /run.command\[0\]: .*the program/)
  assert.match(said('command: [node, 8080]'), /run.command\[1\]: found 8080.*in quotes/)
  assert.match(said('cwd: .'), /run.command: is missing/)
})

test('all problems are told at once, in the order of the lines', () => {
  const problems = refused(`interval: 5
scaling: { max_instances: many }
groups:
  web:
    run: { comand: [node], start_timeout: soon }
    scaling: { min_instances: 9, max_instances: 3 }
  Api:
    run: { command: [node] }
    http: { listen: 7070 }
    needs: [nothing]
resources:
  db: { postgres: $A, mysql: $B, connections: { total: 0, per_instance: 1 } }
app: x
app: y
`)
  const told = problems.map(({ line, path }) => `${line} ${path}`)
  assert.deepEqual(told, [
    '1 interval',
    '2 scaling.max_instances',
    '5 groups.web.run.command',
    '5 groups.web.run.comand',
    '5 groups.web.run.start_timeout',
    '6 groups.web.scaling.max_instances',
    '7 groups.Api',
    '9 groups.Api.http.listen',
    '10 groups.Api.needs[0]',
    '12 resources.db',
    '12 resources.db.connections.total',
    '14 ',
  ])
})

test('values that may be secrets are never shown', () => {
  const told = formatProblems(
    refused(`
groups:
  web:
    run:
      command: [node]
      env: { PASSWORD: 123456, TOKEN: [hunter2], HOST: hunter2, OTHER: *hunter2 }
resources: { db: "postgres://u:hunter2@h/d", two: { postgres: "hunter2 x" } }
`),
    'f',
  )
  assert.doesNotMatch(told, /hunter2|123456/)
  const rest = formatProblems(
    refused(`
groups: { web: { run: { command: [node], env: { PASSWORD: 123456, T: [hunter2] } } } }
resources: { db: "postgres://u:hunter2@h/d", two: { postgres: "hunter2 x" } }
api: { listen: "http://u:hunter2@h", keys: hunter2 }
`),
    'f',
  )
  assert.doesNotMatch(rest, /hunter2|123456/)
  assert.match(rest, /env.PASSWORD: found \(hidden\)/)
})

test('control sequences in values are not printed', () => {
  const [problem] = refused(web('    mode: "\\e[31mred"'))
  assert.doesNotMatch(problem?.message ?? '', /\p{Cc}/u)
})

test('what would cost too much is refused', () => {
  const bomb = ['a: &a [x, x, x, x, x, x, x, x, x]']
  for (const [from, to] of ['ab', 'bc', 'cd', 'de', 'ef', 'fg', 'gh'].map((pair) => [...pair]))
    bomb.push(`${to}: &${to} [${Array.from({ length: 9 }, () => `*${from}`).join(', ')}]`)
  assert.match(refused(bomb.join('\n'))[0]?.message ?? '', /aliases/)
  assert.match(refused(`# ${'x'.repeat(1 << 20)}`)[0]?.message ?? '', /1 MiB/)
  assert.match(refused('['.repeat(500_000))[0]?.message ?? '', /nested too deeply/)
})
