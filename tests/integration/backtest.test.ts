// `plimsoll backtest` from the command line: its document, its table, and how it fails.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
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

test('what can not be rehearsed is an error with a code', () => {
  const cases: readonly (readonly [string[], string, number])[] = [
    [['--traffic', join(folder, 'none.csv')], 'E_TRAFFIC_FILE', 1],
    [['--traffic', file('short.csv', '0,1\n1,2\n')], 'E_TRAFFIC_SHORT', 1],
    [['--traffic', file('bad.csv', '0,1\n1,-2\n')], 'E_TRAFFIC_INVALID', 1],
    [['--traffic', file('empty.csv', 't_seconds,rps\n')], 'E_TRAFFIC_EMPTY', 1],
    [['--traffic', TRAFFIC, '--slo', '40ms'], 'E_SLO_IMPOSSIBLE', 1],
    [['--traffic', TRAFFIC, '--policies', 'nobody'], 'E_USAGE', 2],
    [['--traffic', TRAFFIC, '--boot', '45'], 'E_USAGE', 2],
    [[], 'E_USAGE', 2],
  ]
  for (const [args, code, exit] of cases) {
    const { status, stdout } = plimsoll(...args, '--json')
    assert.equal(JSON.parse(stdout).error.code, code, args.join(' '))
    assert.equal(status, exit, args.join(' '))
  }
})
