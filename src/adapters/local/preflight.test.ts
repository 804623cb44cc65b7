// What can't be started is known before anything is.
import assert from 'node:assert/strict'
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { groupSpec } from '../../../tests/simulation/loop.ts'
import type { RunSpec } from '../../core/model.ts'
import { preflight } from './preflight.ts'

let folder: string
before(() => {
  folder = mkdtempSync(join(tmpdir(), 'plimsoll-preflight-'))
  mkdirSync(join(folder, 'bin'))
  for (const [name, mode] of [
    ['bin/tool', 0o755],
    ['bin/notes', 0o644],
  ] as const) {
    writeFileSync(join(folder, name), '')
    chmodSync(join(folder, name), mode)
  }
})
after(() => rmSync(folder, { recursive: true, force: true }))

function look(change: Partial<RunSpec>, base: NodeJS.ProcessEnv = { PATH: '/usr/bin:/bin' }) {
  const run = { ...groupSpec().run, cwd: folder, command: ['sh'], ...change }
  return preflight([groupSpec({ run })], base)?.code
}

test('what is in PATH, or at its path, can be started', () => {
  assert.equal(look({}), undefined)
  assert.equal(look({ command: ['/bin/sh'] }), undefined)
  assert.equal(look({ command: ['./bin/tool'] }), undefined)
  assert.equal(look({ command: ['tool'], env: { PATH: join(folder, 'bin') } }), undefined)
  assert.equal(look({ command: ['sh'] }, {}), undefined)
  assert.equal(look({ command: ['no-such | thing'], shell: true }), undefined)
})

test('what is not there, no program or no file can not', () => {
  for (const command of ['no-such-command', './bin', './bin/notes', 'bin/nowhere', 'tool', '']) {
    assert.equal(look({ command: [command] }), 'E_COMMAND_NOT_FOUND', command)
  }
  assert.equal(look({ cwd: join(folder, 'nowhere') }), 'E_COMMAND_NOT_FOUND')
  assert.equal(look({ cwd: join(folder, 'bin/tool') }), 'E_COMMAND_NOT_FOUND')
})

test('environment and user are looked at too, and each group', () => {
  assert.equal(look({ env: { A: '$NO_SUCH_VARIABLE' } }), 'E_ENV_MISSING')
  assert.equal(look({ envFile: join(folder, 'nowhere') }), 'E_ENV_FILE')
  assert.equal(look({ user: 'no-such-user-here' }), 'E_USER_UNKNOWN')
  const good = groupSpec({ run: { ...groupSpec().run, command: ['/bin/sh'] } })
  const bad = groupSpec({ run: { ...groupSpec().run, command: ['no-such-command'] } })
  assert.equal(preflight([good, good], {}), undefined)
  assert.equal(preflight([good, bad], {})?.code, 'E_COMMAND_NOT_FOUND')
})
