// Seeded worlds in which everything breaks: what must hold in every one of them, and that it is
// noticed if not. `npm run faults` plays many more.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { test } from 'node:test'
import { MemoryWorld } from '../../src/adapters/memory/world.ts'
import { Marks } from '../../src/lab/faults/marks.ts'
import { MUTANTS } from '../../src/lab/faults/mutants.ts'
import { type Mutant, type Played, play } from '../../src/lab/faults/play.ts'
import { ROOT } from '../../tools/command.ts'

const SEEDS = 300
const CAUGHT_WITHIN = 100

function playSeed(seed: number, mutant?: Mutant): Promise<Played> {
  return play(seed, () => new MemoryWorld(), mutant)
}

test(`${SEEDS} worlds: every promise is kept, and all that can happen has happened`, async () => {
  const marks = new Marks()
  for (let seed = 0; seed < SEEDS; seed++) {
    const played = await playSeed(seed)
    assert.equal(played.violation, undefined, `npm run faults -- --seed ${seed}`)
    marks.add(played.marks)
  }
  assert.deepEqual(marks.missing(), [])
})

test('a seed is the same world each time', async () => {
  for (const seed of [3, 17]) assert.deepEqual(await playSeed(seed), await playSeed(seed))
})

for (const mutant of MUTANTS) {
  test(`planted: ${mutant.name}`, async () => {
    for (let seed = 0; seed < CAUGHT_WITHIN; seed++) {
      if ((await playSeed(seed, mutant)).violation !== undefined) return
    }
    assert.fail(`not caught within ${CAUGHT_WITHIN} seeds`)
  })
}

function faults(...args: readonly string[]): ReturnType<typeof spawnSync> {
  const script = join(ROOT, 'tools', 'faults.ts')
  return spawnSync(process.execPath, [script, ...args], { encoding: 'utf8', cwd: ROOT })
}

test('a failing seed is printed with the command that plays it alone, and that does', () => {
  const many = faults('--seeds', '20', '--mutant', 'no guard step')
  assert.equal(many.status, 1, `${many.stderr}`)
  const [line = ''] = `${many.stdout}`.split('\n').filter((l) => l.startsWith('seed '))
  const [, seed = '', violation = ''] = /^seed (\d+): (.*)$/.exec(line) ?? []
  assert.match(`${many.stdout}`, new RegExp(`npm run faults -- --seed ${seed} --mutant 'no guard`))
  const one = faults('--seed', seed, '--mutant', 'no guard step', '--json')
  assert.equal(one.status, 1)
  const { failures } = JSON.parse(`${one.stdout}`) as { failures: readonly unknown[] }
  assert.deepEqual(failures, [{ seed: Number(seed), violation }])
  assert.equal(faults('--seed', seed).status, 0, 'without the planted fault it passes')
})

test('what is no number, and no planted fault, is refused', () => {
  for (const args of [['--seeds', 'many'], ['--mutant', 'nobody'], ['--what']]) {
    assert.equal(faults(...args).status, 2, args.join(' '))
  }
})
