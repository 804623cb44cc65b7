// What an instance gets to see: its own contract wins, the controller's secrets stay behind.
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir, userInfo } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { groupSpec } from '../../../tests/simulation/loop.ts'
import type { RunSpec } from '../../core/model.ts'
import { accountOf, environmentFor } from './environment.ts'

let folder: string
before(() => {
  folder = mkdtempSync(join(tmpdir(), 'plimsoll-env-'))
})
after(() => rmSync(folder, { recursive: true, force: true }))

function environment(
  change: Partial<RunSpec>,
  base: NodeJS.ProcessEnv = {},
  own: Readonly<Record<string, string>> = {},
) {
  return environmentFor({ ...groupSpec().run, ...change }, own, base)
}

function made(...args: Parameters<typeof environment>): Readonly<Record<string, string>> {
  const made = environment(...args)
  assert.ok(made.ok, JSON.stringify(made))
  return made.value
}

function envFile(text: string): string {
  const path = join(folder, `${Math.random()}.env`)
  writeFileSync(path, text)
  return path
}

test('later ones win: inherited, file, declared, contract', () => {
  const envFile1 = envFile('B=file\nC=file\nD=file\n')
  const base = { A: 'base', B: 'base', C: 'base', D: 'base' }
  const change = { envFile: envFile1, env: { C: 'declared', D: 'declared' } }
  assert.deepEqual(made(change, base, { D: 'own' }), {
    A: 'base',
    B: 'file',
    C: 'declared',
    D: 'own',
  })
})

test('the key of the API and the channel of node are not passed on', () => {
  const base = {
    SERVICE_API_KEY: 'secret',
    NODE_CHANNEL_FD: '3',
    NODE_UNIQUE_ID: '1',
    PATH: '/bin',
  }
  assert.deepEqual(made({}, base), { PATH: '/bin' })
})

test('a reference is read from the environment or the file, and never passed on as written', () => {
  const path = envFile('TOKEN="from file"\n')
  const change = { envFile: path, env: { A: '$TOKEN', B: '$HOME', C: 'costs $5', D: '$HOME/x' } }
  const found = made(change, { HOME: '/h' })
  assert.deepEqual([found.A, found.B], ['from file', '/h'])
  assert.deepEqual([found.C, found.D], ['costs $5', '$HOME/x'])
})

test('a reference to nothing is a fault that names it, and shows no value', () => {
  const made = environment({ env: { TOKEN: '$NO_SUCH' } }, { OTHER: 'secret' })
  assert.ok(!made.ok)
  assert.equal(made.fault.code, 'E_ENV_MISSING')
  assert.match(made.fault.message, /env\.TOKEN reads \$NO_SUCH/)
  assert.doesNotMatch(made.fault.message, /secret/)
  assert.ok(!environment({ env: { K: '$SERVICE_API_KEY' } }, { SERVICE_API_KEY: 'secret' }).ok)
})

test('an env_file that can not be read is a fault', () => {
  for (const path of [join(folder, 'nowhere'), folder]) {
    const made = environment({ envFile: path })
    assert.equal(made.ok ? 'ok' : made.fault.code, 'E_ENV_FILE')
  }
})

test('users are found by name; a name that is an option or nobody is a fault', () => {
  const { uid, gid, username: name, homedir: home } = userInfo()
  assert.deepEqual(accountOf(name), { ok: true, value: { uid, gid, name, home } })
  for (const wrong of ['no-such-user-here', '-u', '']) {
    const found = accountOf(wrong)
    assert.equal(found.ok ? JSON.stringify(found) : found.fault.code, 'E_USER_UNKNOWN', wrong)
  }
})
