// Counting is honest: every way in which a test file can go wrong is a failure.
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { runSuites, type SuiteResult } from './suites.ts'
import { closingLine, isGood } from './tally.ts'

const head = "import { describe, test } from 'node:test'\n"

async function run(body: string, limitMs = 30_000): Promise<SuiteResult> {
  const cwd = mkdtempSync(join(tmpdir(), 'plimsoll-suites-'))
  try {
    writeFileSync(join(cwd, 'planted.test.mjs'), head + body)
    return await runSuites(['planted.test.mjs'], { limitMs, concurrency: 1, cwd })
  } finally {
    rmSync(cwd, { recursive: true, force: true })
  }
}

const CASES: readonly (readonly [name: string, body: string, line: string])[] = [
  ['good', "test('a', () => {})", '1 passed, 0 failed, 0 skipped'],
  ['no test', 'console.log(test)', '0 passed, 1 failed, 0 skipped'],
  ['does not load', "throw new Error('load')", '0 passed, 1 failed, 0 skipped'],
  [
    'leaves early with exit code 0',
    "test('a', () => {}); test('b', async () => { process.exit(0) }); test('c', () => {})",
    '0 passed, 1 failed, 0 skipped',
  ],
  [
    'fails after its last test',
    "test('a', () => {}); setTimeout(() => { throw new Error('late') }, 20)",
    '1 passed, 1 failed, 0 skipped',
  ],
  [
    'suites, skips and failures',
    `describe('s', () => {
      test('a', () => {})
      test('b', { skip: 'no such program' }, () => {})
      test('c', () => { throw new Error('planted') })
    })
    test('d', async (t) => { await t.test('e', () => {}) })`,
    '3 passed, 1 failed, 1 skipped',
  ],
]

for (const [name, body, line] of CASES)
  test(`a file that is: ${name}`, async () => {
    const { tally, details } = await run(body)
    assert.equal(closingLine(tally), line, details)
    assert.equal(details === '', tally.failed === 0)
  })

test('a file that hangs is ended and has failed', async () => {
  const { tally, details } = await run(
    "test('a', () => new Promise(() => setInterval(() => {}, 9)))",
    1500,
  )
  assert.equal(tally.failed, 1)
  assert.match(details, /time limit/)
})

test('skips are failures only where everything must run', () => {
  assert.ok(isGood({ passed: 1, failed: 0, skipped: 1 }, false))
  assert.ok(!isGood({ passed: 1, failed: 0, skipped: 1 }, true))
  assert.ok(!isGood({ passed: 1, failed: 1, skipped: 0 }, false))
})
