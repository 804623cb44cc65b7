// The linter finds promises that nobody waits for, also those it can only know by their types.
import assert from 'node:assert/strict'
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { ROOT, runCommand } from './command.ts'

const PORT = `export interface Port { close(): Promise<void> }
export async function work(): Promise<number> { return 1 }
`
/** Each line marked with ! must be found, and no other. */
const PLANTED = `import { setTimeout as sleep } from 'node:timers/promises'
import { test } from 'node:test'
import { type Port, work } from './port.ts'
export function one() { work() } // !
export function two(port: Port) { port.close() } // !
export function three(ports: readonly Port[]) { for (const port of ports) port.close() } // !
export function four() { sleep(1) } // !
export function five(ports: readonly Port[]) { ports.map((port) => port.close()) } // !
export function six(ports: readonly Port[]) { ports.forEach(async (port) => { await port.close() }) } // !
export function seven(port: Port) { if (port.close()) return 1; return 2 } // !
export async function eight(port: Port) { await port.close(); void work() }
test('registered, not waited for', () => {})
`

test('each planted promise is found, and nothing else', async () => {
  const cwd = mkdtempSync(join(tmpdir(), 'plimsoll-promises-'))
  try {
    for (const file of ['.oxlintrc.json', 'tsconfig.json', 'tsconfig.base.json'])
      cpSync(join(ROOT, file), join(cwd, file))
    mkdirSync(join(cwd, 'src'))
    symlinkSync(join(ROOT, 'node_modules'), join(cwd, 'node_modules'))
    writeFileSync(join(cwd, 'src', 'port.ts'), PORT)
    writeFileSync(join(cwd, 'src', 'planted.ts'), PLANTED)
    const oxlint = join(ROOT, 'node_modules', '.bin', 'oxlint')
    const argv = [oxlint, '--type-aware', '--format=unix', 'src']
    const { output, code } = await runCommand(argv, { limitMs: 60_000, cwd })
    assert.equal(code, 1)
    const found = new Set(
      [...output.matchAll(/planted\.ts:(\d+):/g)].map((match) => Number(match[1])),
    )
    const marked = PLANTED.split('\n').flatMap((line, index) =>
      line.endsWith('// !') ? [index + 1] : [],
    )
    assert.deepEqual(
      [...found].sort((a, b) => a - b),
      marked,
      output,
    )
  } finally {
    rmSync(cwd, { recursive: true, force: true })
  }
})
