// The door of the benchmarks, and how their figures are put.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { type BenchDocument, ratioOf, renderTable } from './report.ts'

const MAIN = fileURLToPath(new URL('main.ts', import.meta.url))

test('an unknown name, and no name, list what there is and exit 2', () => {
  for (const args of [
    ['nonsense'],
    [],
    ['toString'],
    ['scale-events', '--share', '2'],
    ['--what'],
  ]) {
    const { status, stdout, stderr } = spawnSync(process.execPath, [MAIN, ...args], {
      encoding: 'utf8',
    })
    assert.equal(status, 2, args.join(' '))
    assert.equal(stdout, '')
    assert.match(stderr, /scale-events/)
  }
})

test('a ratio needs a rival that lost something', () => {
  assert.equal(ratioOf([{ ours: 0, theirs: 0 }]), null)
  assert.deepEqual(
    ratioOf([
      { ours: 0, theirs: 10 },
      { ours: 0, theirs: 0 },
    ]),
    { median: 0, low: 0, high: 0 },
  )
})

test('the table shows each row and note', () => {
  const row = { name: 'builtin', rival: 'PM2 7', unit: 'requests lost', better: 'lower' } as const
  const document = {
    bench: 'scale-events',
    rounds: 2,
    rows: [{ ...row, ours: 0, theirs: 12, ratio: { median: 0, low: 0, high: 0.5 } }],
    notes: ['one thing to know'],
  }
  const text = renderTable(document)
  assert.match(text, /builtin {2,}0 {2,}12 {2,}PM2 7 .*0 \(0 to 0\.5\)/)
  assert.match(text, /- one thing to know$/)
})

test('a turn of the loop is measured by the number of groups, each with what it took', () => {
  const args = [MAIN, 'tick', '--json', '--share', '0.01']
  const { stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' })
  const { rows, notes } = JSON.parse(stdout) as BenchDocument
  const names = ['groups 100', 'groups 1000', 'groups 10000']
  assert.deepEqual(
    rows.map((r) => [r.name, r.unit, (r.ours ?? 0) > 0]),
    names.map((name) => [name, 'ms', true]),
    stderr,
  )
  assert.match(notes.at(2) ?? '', /groups 10000: .* % of the groups decide .*heap at most/)
  assert.match(notes.join('\n'), /a trial: 1 % of the groups/)
})
