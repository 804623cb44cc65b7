// `plimsoll backtest` from the command line: its document, its table, and how it fails.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { synthetic } from '../../src/lab/traffic/synthetic.ts'

const MAIN = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url))
const folder = mkdtempSync(join(tmpdir(), 'plimsoll-backtest-'))
after(() => rmSync(folder, { recursive: true }))

function file(name: string, text: string): string {
  writeFileSync(join(folder, name), text)
  return join(folder, name)
}

function plimsoll(...args: string[]) {
  return spawnSync(process.execPath, [MAIN, 'backtest', ...args], { encoding: 'utf8' })
}

const rows = [...synthetic('bursts', { seconds: 1_800, peakRps: 300, seed: 1 }).rps]
const TRAFFIC = file('web.csv', `t_seconds,rps\n${rows.map((rps, t) => `${t},${rps}`).join('\n')}`)
const FEW = ['--traffic', TRAFFIC, '--policies', 'plimsoll-target,hpa-cpu']

test('with --json one document, the same for the same seed', () => {
  const { status, stdout, stderr } = plimsoll(...FEW, '--json')
  assert.equal(status, 0, stderr)
  const document = JSON.parse(stdout)
  assert.deepEqual(Object.keys(document), [
    'trace',
    'slo',
    'policies',
    'oracle_instance_hours',
    'bound_instance_hours',
    'at_equal_slo',
    'plant',
  ])
  assert.equal(document.trace.seconds, 1_800)
  assert.equal(document.policies[0].name, 'plimsoll-target')
  assert.equal(plimsoll(...FEW, '--json').stdout, stdout)
})

test('for people a table, the cheapest first', () => {
  const { status, stdout } = plimsoll(...FEW)
  assert.equal(status, 0)
  assert.match(stdout, /^policy +variant +late +instance-hours/)
  assert.match(stdout, /hpa-cpu +default/)
  assert.match(stdout, /oracle [\d.]+ h, bound [\d.]+ h/)
})

test('--report writes one page with the figures of the document', () => {
  const report = join(folder, 'report.html')
  const { status, stdout, stderr } = plimsoll(...FEW, '--json', '--report', report)
  assert.equal(status, 0, stderr)
  const page = readFileSync(report, 'utf8')
  const [, inside = ''] =
    /<script type="application\/json" id="document">(.*?)<\/script>/s.exec(page) ?? []
  assert.deepEqual(JSON.parse(inside), JSON.parse(stdout))
  for (const { slo_violation_percent, instance_hours } of JSON.parse(stdout).policies) {
    assert.ok(page.includes(`<data value="${slo_violation_percent}">`))
    assert.ok(page.includes(`<data value="${instance_hours}">`))
  }
})

test('--file: SLO, capacity and bounds of a group; the command line goes before it', () => {
  const text = [
    'groups:',
    '  web:',
    '    run: { command: [node, server.js] }',
    '    http: { listen: 127.0.0.1:8080 }',
    '    slo: { p99: 400ms, late: 0.5% }',
    '    scaling: { min_instances: 2, max_instances: 4 }',
    '    signals: [{ rps: 60 }]',
    '  mailer:',
    '    run: { command: [node, mailer.js] }',
  ]
  const yaml = file('plimsoll.yaml', text.join('\n'))
  const run = (...words: string[]) =>
    plimsoll('--traffic', TRAFFIC, '--policies', 'plimsoll', '--file', yaml, '--json', ...words)
  const web = JSON.parse(run('--group', 'web', '--boot', '20s').stdout)
  assert.deepEqual(web.slo, { latency_ms: 400, violation_percent: 0.5 })
  assert.equal(web.at_equal_slo.violation_percent, 0.5)
  const { capacity_rps, boot_s, min_instances, max_instances } = web.plant
  assert.deepEqual([capacity_rps, boot_s, min_instances, max_instances], [60, 20, 2, 4])
  assert.match(web.trace.notes.join(), /peak of \d+ requests\/s needs \d instances, and max_inst/)
  assert.ok(web.bound_instance_hours <= web.oracle_instance_hours)
  const other = JSON.parse(run('--group', 'mailer', '--late', '1%', '--capacity', '12.5').stdout)
  assert.deepEqual(other.slo, { latency_ms: 300, violation_percent: 1 })
  assert.equal(other.plant.capacity_rps, 12.5)
  assert.match(other.trace.notes.join(), /mailer has no slo.p99: 300ms is assumed/)
  assert.match(JSON.parse(run().stdout).error.message, /--group: web, mailer/)
  assert.match(JSON.parse(run('--group', 'no').stdout).error.message, /there are web, mailer/)
})

test('utilisation in a CSV is demand at the capacity that is said', () => {
  const busy = Array.from({ length: 200 }, (_, t) => `${t},${t < 100 ? 50 : 99},2`)
  const path = file('busy.csv', `t_seconds,cpu_percent,instances\n${busy.join('\n')}`)
  const words = ['--traffic', path, '--capacity', '40', '--policies', 'kpa-rate']
  const { stdout, status } = plimsoll(...words)
  assert.equal(status, 0)
  assert.match(stdout, /^note: demand is utilisation × instances × 40 requests a second$/m)
  assert.match(stdout, /^note: 100 of 200 steps were at 95 % and above: .* censored/m)
  assert.equal(JSON.parse(plimsoll(...words, '--json').stdout).trace.peak_rps, 79.2)
})

test('a log with broken lines is rehearsed, and they are counted', () => {
  const at = (second: number) =>
    `192.0.2.1 - - [10/Oct/2000:13:${String(50 + Math.floor(second / 60))}:${String(second % 60).padStart(2, '0')} +0000] "GET / HTTP/1.1" 200 5`
  const lines = Array.from({ length: 200 }, (_, t) => at(t))
  const path = file('access.log', [...lines, 'broken', '', 'also broken'].join('\n'))
  const { stdout } = plimsoll('--traffic', path, '--policies', 'kpa-rate')
  assert.match(stdout, /^note: 2 broken lines were left out$/m)
})

test('what can not be rehearsed is an error with a code', () => {
  const cases: readonly (readonly [string[], string, number])[] = [
    [['--traffic', join(folder, 'none.csv')], 'E_TRAFFIC_FILE', 1],
    [['--traffic', file('short.csv', '0,1\n1,2\n')], 'E_TRAFFIC_SHORT', 1],
    [['--traffic', file('bad.csv', '0,1\n1,-2\n')], 'E_TRAFFIC_INVALID', 1],
    [['--traffic', file('empty.csv', 't_seconds,rps\n')], 'E_TRAFFIC_EMPTY', 1],
    [['--traffic', TRAFFIC, '--slo', '40ms'], 'E_SLO_IMPOSSIBLE', 1],
    [['--traffic', TRAFFIC, '--policies', 'nobody'], 'E_USAGE', 2],
    [['--traffic', TRAFFIC, '--boot', '45'], 'E_USAGE', 2],
    [['--traffic', TRAFFIC, '--late', '0%'], 'E_USAGE', 2],
    [['--traffic', TRAFFIC, '--capacity', '0'], 'E_USAGE', 2],
    [['--traffic', TRAFFIC, '--capacity', '0.001'], 'E_TRAFFIC_INVALID', 1],
    [['--traffic', TRAFFIC, '--group', 'web'], 'E_USAGE', 2],
    [['--traffic', TRAFFIC, '--file', join(folder, 'none.yaml')], 'E_FILE_MISSING', 2],
    [['--traffic', TRAFFIC, '--report', join(folder, 'none', 'r.html')], 'E_USAGE', 2],
    [[], 'E_USAGE', 2],
  ]
  for (const [args, code, exit] of cases) {
    const { status, stdout } = plimsoll(...args, '--json')
    assert.equal(JSON.parse(stdout).error.code, code, args.join(' '))
    assert.equal(status, exit, args.join(' '))
  }
})
