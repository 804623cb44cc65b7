// Traffic out of a real Prometheus that has a fortnight of it: read in pieces, with its hole, and
// rehearsed like any other.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { type TrafficOptions, trafficOf } from '../../src/cli/traffic.ts'
import { parseConfig } from '../../src/config/parse.ts'
import { formatProblems } from '../../src/config/problems.ts'
import { ROOT } from './application.ts'
import { missing, promtool, TestPrometheus } from './prometheus-server.ts'

const NOW_S = Math.floor(Date.now() / 60_000) * 60
const DAYS = 12
/** Two hours without a sample, a week ago. */
const HOLE = { fromS: NOW_S - 7 * 86_400, toS: NOW_S - 7 * 86_400 + 7_200 }

/** What two instances served at a minute: a day's wave between 40 and 200 a second. */
function rateAt(atS: number): number {
  return 120 - 80 * Math.cos((2 * Math.PI * atS) / 86_400)
}

function history(): string {
  const lines = ['# TYPE served gauge']
  for (const instance of ['a', 'b']) {
    for (let atS = NOW_S - DAYS * 86_400; atS <= NOW_S; atS += 60) {
      if (atS > HOLE.fromS && atS < HOLE.toS) continue
      lines.push(`served{instance="${instance}"} ${rateAt(atS) / 2} ${atS}`)
    }
  }
  return [...lines, '# EOF', ''].join('\n')
}

describe('backtest out of Prometheus', { skip: missing }, () => {
  let prometheus: TestPrometheus
  before(async () => {
    prometheus = await TestPrometheus.create()
    const file = join(prometheus.folder, 'history.txt')
    writeFileSync(file, history())
    const made = promtool([
      'tsdb',
      'create-blocks-from',
      '--max-block-duration=720h',
      'openmetrics',
      file,
      prometheus.data,
    ])
    assert.ok(made.ok, made.said)
    prometheus.configure('  - { job_name: none, static_configs: [] }')
    await prometheus.start()
  })
  after(() => prometheus.close())

  test('14 days come in pieces; what is not there is told', async () => {
    const options = { prometheus: 'sum(served)', last: '14d', url: prometheus.url }
    const { trace, notes } = await trafficOf(options, NOW_S * 1_000, () => {})
    assert.equal(trace.stepS, 60)
    assert.equal(trace.rps.length, DAYS * 1_440 + 1)
    const firstS = NOW_S - DAYS * 86_400
    const far = [...trace.rps].findIndex((rps, i) => Math.abs(rps - rateAt(firstS + i * 60)) > 20)
    assert.equal(far, -1, `far off at ${far}`)
    assert.match(notes.join('\n'), /^of the 14 days asked for there are 12 days, up to /)
    const holes = Number(/(\d+) of \d+ steps are missing/.exec(notes.join('\n'))?.[1])
    // Prometheus carries a series on for five minutes.
    assert.ok(holes > 105 && holes < 120, notes.join('\n'))
  })

  test('utilisation is turned into demand, and what was saturated is told', async () => {
    const { trace, notes } = await trafficOf(
      {
        prometheus: 'sum(served) / 2',
        instances: 'count(served) * 2',
        capacity: '50',
        last: '1d',
        step: '1m',
        url: prometheus.url,
      },
      NOW_S * 1_000,
      () => {},
    )
    // Half of the rate in percent, of four instances of 50 each, is the rate.
    const firstS = NOW_S - 86_400
    const far = [...trace.rps].findIndex((rps, i) => Math.abs(rps - rateAt(firstS + i * 60)) > 1)
    assert.equal(far, -1, `far off at ${far}`)
    assert.match(notes.join('\n'), /^demand is utilisation × instances × 50 requests a second$/m)
    // From 190 a second on the utilisation is 95 % and above: about a sixth of the day.
    const saturated = Number(/^(\d+) of 1441 steps were at 95 %/m.exec(notes.join('\n'))?.[1])
    assert.ok(saturated > 200 && saturated < 260, notes.join('\n'))
  })

  test('from the command line, by the address or by the file', () => {
    const run = (...words: string[]) => {
      const argv = [join(ROOT, 'src/cli/main.ts'), 'backtest', '--json', ...words]
      const { stdout, status } = spawnSync(process.execPath, argv, {
        encoding: 'utf8',
        cwd: prometheus.folder,
      })
      return { status, document: JSON.parse(stdout) }
    }
    const few = ['--policies', 'plimsoll-target', '--last', '2h']
    const byUrl = run('--prometheus', 'sum(served)', '--url', prometheus.url, ...few)
    assert.equal(byUrl.status, 0, JSON.stringify(byUrl.document))
    assert.equal(byUrl.document.trace.name, 'prometheus')
    assert.ok(byUrl.document.trace.seconds > 6_500)
    const file = join(prometheus.folder, 'plimsoll.yaml')
    const group = 'groups: { web: { run: { command: [node, a.js] } } }'
    writeFileSync(file, `${group}\nmetrics: { prometheus: "${prometheus.url}" }\n`)
    assert.equal(run('--prometheus', 'sum(served)', '--step', '1m', ...few).status, 0)
    rmSync(file)

    const { error } = run('--prometheus', 'x', '--last', '5').document
    assert.equal(error.code, 'E_USAGE')
    assert.match(error.message, /such as 14d/)
  })

  test("the guide's command works as it stands, and its files are right", () => {
    const guide = readFileSync(join(ROOT, 'docs/guide/prometheus.md'), 'utf8')
    const blocks = [...guide.matchAll(/^```(\w+)\n(.*?)^```/gms)].map((m) => [m[1], m[2] ?? ''])
    const of = (language: string) => blocks.flatMap(([l, text]) => (l === language ? [text] : []))
    const [file = '', access = '', scraping = ''] = of('yaml')
    const dir = prometheus.folder
    const [group = ''] = file.split('metrics:')
    for (const text of [file, `${group}${access}`]) {
      const result = parseConfig(text, { dir })
      assert.ok(result.ok, result.ok ? '' : formatProblems(result.problems, 'guide'))
    }
    writeFileSync(join(dir, 'key'), 'key')
    writeFileSync(join(dir, 'scrape.yml'), scraping.replace('/etc/prometheus/plimsoll.key', 'key'))
    const checked = promtool(['check', 'config', join(dir, 'scrape.yml')])
    assert.ok(checked.ok, checked.said)
    // The file's own Prometheus has no such series: the command itself is right.
    writeFileSync(join(dir, 'plimsoll.yaml'), file.replace('http://127.0.0.1:9090', prometheus.url))
    const [command = ''] = of('sh')
    const words = command.trim().replace('plimsoll', '"$NODE" "$MAIN"')
    const env = { ...process.env, NODE: process.execPath, MAIN: join(ROOT, 'src/cli/main.ts') }
    const { stderr } = spawnSync('/bin/sh', ['-c', words], { cwd: dir, env, encoding: 'utf8' })
    assert.match(stderr, /E_TRAFFIC_EMPTY/)
    rmSync(join(dir, 'plimsoll.yaml'))
  })

  test('what gives no traffic is an error with a code', async () => {
    const { url } = prometheus
    const cases: readonly (readonly [options: TrafficOptions, code: string, words: RegExp])[] = [
      [{ prometheus: 'served', url }, 'E_METRICS', /2 series where one is expected/],
      [{ prometheus: 'sum(', url }, 'E_METRICS', /the query is refused: .*parse error/],
      [{ prometheus: 'none', url }, 'E_TRAFFIC_EMPTY', /holds no traffic/],
      [{ prometheus: '-sum(served)', url }, 'E_TRAFFIC_INVALID', /T.*Z: .*is below zero/],
      [{ prometheus: 'x', url: 'http://127.0.0.1:1' }, 'E_METRICS', /can't be reached/],
      [{ prometheus: 'x', url: 'localhost:9090' }, 'E_USAGE', /http or https/],
      [{ prometheus: 'x', file: '/none' }, 'E_FILE_MISSING', /none/],
      [{ prometheus: 'x', url, step: '1ms' }, 'E_USAGE', /from 1s on/],
      [{ prometheus: 'x', url, last: '1s' }, 'E_USAGE', /several of them/],
      [{ prometheus: 'x', url, last: '99d', step: '1s' }, 'E_USAGE', /a million points/],
      [{ prometheus: 'x', traffic: 'y' }, 'E_USAGE', /either/],
      [{}, 'E_USAGE', /either/],
      [{ traffic: 'y', last: '2d' }, 'E_USAGE', /goes with --prometheus/],
      [{ traffic: 'y', instances: 'x' }, 'E_USAGE', /goes with --prometheus/],
      [{ prometheus: 'x', url, instances: 'none' }, 'E_TRAFFIC_EMPTY', /./],
    ]
    for (const [options, code, message] of cases) {
      const asked = trafficOf(options, Date.now(), () => {})
      await assert.rejects(asked, { code, message }, JSON.stringify(options))
    }
  })
})
