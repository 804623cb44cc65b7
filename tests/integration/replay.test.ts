// `plimsoll replay` from the command line, over a state folder: identical, or the first difference.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { MemoryWorld } from '../../src/adapters/memory/world.ts'
import { openSqliteStore } from '../../src/adapters/sqlite/store.ts'
import { groupSpec, Loop, specOf } from '../simulation/loop.ts'

const MAIN = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url))
const folder = mkdtempSync(join(tmpdir(), 'plimsoll-replay-'))
const TICKS = 60
const CHANGED = 41
after(() => rmSync(folder, { recursive: true }))

// A minute that ends now, as a controller would have stored it.
before(async () => {
  const world = new MemoryWorld()
  world.clock.step(Date.now() - world.clock.now() - TICKS * 1_000)
  const loop = new Loop(world, specOf([groupSpec()]))
  const store = openSqliteStore(folder)
  store.saveSpec(loop.spec)
  for (let second = 0; second < TICKS; second++) {
    world.balancer.load.set('web', { rps: second < 30 ? 60 : 600, serviceMs: 100, slots: 10 })
    const tick = await loop.turn()
    store.finish(tick, tick.id % 10 === 0 ? loop.memory : undefined)
  }
  store.close()
})

function replay(...args: string[]) {
  return spawnSync(process.execPath, [MAIN, 'replay', '--state', folder, ...args], {
    encoding: 'utf8',
  })
}

test('what is stored comes out the same, all of it or since a time', () => {
  const { status, stdout, stderr } = replay('--json')
  assert.equal(status, 0, stderr)
  const { core, ...document } = JSON.parse(stdout)
  assert.match(core, /^\d+$/)
  const same = { identical: true, ticks: TICKS, skipped: 0, other_cores: [], difference: null }
  assert.deepEqual(document, same)
  const late = JSON.parse(replay('--since', '15s', '--json').stdout)
  assert.ok(late.identical && late.ticks < TICKS, `${late.ticks}`)
  assert.match(replay().stdout, /^60 ticks decided again: every decision identical\n$/)
})

test('the first decision that differs is shown with both, and the exit code is 1', () => {
  const store = openSqliteStore(folder)
  const tick = store.tick(CHANGED)
  assert.ok(tick !== undefined)
  store.finish({ ...tick, decisions: tick.decisions.map((d) => ({ ...d, to: d.to + 1 })) })
  store.close()
  const { status, stdout } = replay('--json')
  assert.equal(status, 1)
  const { identical, difference } = JSON.parse(stdout)
  assert.deepEqual([identical, difference.tick, difference.group], [false, CHANGED, 'web'])
  assert.equal(difference.stored.to, difference.today.to + 1)
  const text = replay()
  assert.equal(text.status, 1)
  assert.match(text.stdout, /^tick 41 of \S+Z is the first that differs, of 41\n +stored +web/)
})

test('where nothing was kept, or a duration has no unit, it says so', () => {
  const cases: readonly (readonly [string[], string, number])[] = [
    [['--state', join(folder, 'nowhere')], 'E_HISTORY_EMPTY', 1],
    [['--since', '1'], 'E_USAGE', 2],
  ]
  for (const [args, code, exit] of cases) {
    const { status, stdout } = replay(...args, '--json')
    assert.equal(JSON.parse(stdout).error.code, code, args.join(' '))
    assert.equal(status, exit, args.join(' '))
  }
})
