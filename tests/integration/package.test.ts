// What is published: packed, installed into an empty folder, and started there.
import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { ROOT } from '../../tools/command.ts'

const folder = mkdtempSync(join(tmpdir(), 'plimsoll-package-'))
const installed = join(folder, 'node_modules', 'plimsoll')
const link = join(folder, 'node_modules', '.bin', 'plimsoll')
const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as {
  version: string
}

/** Without what the npm that runs these tests tells its children about its own project. */
const env = Object.fromEntries(
  Object.entries(process.env).filter(
    ([name]) => !/^npm_/i.test(name) || name === 'npm_config_cache',
  ),
)

function npm(args: readonly string[], cwd: string): string {
  const quiet = ['--loglevel=error', '--no-audit', '--no-fund']
  return execFileSync('npm', [...args, ...quiet], { cwd, env, encoding: 'utf8', timeout: 240_000 })
}

before(() => {
  npm(['pack', '--pack-destination', folder], ROOT)
  writeFileSync(join(folder, 'package.json'), '{ "name": "empty", "private": true }\n')
  npm(['install', '--prefer-offline', `./plimsoll-${version}.tgz`], folder)
})

after(() => rmSync(folder, { recursive: true, force: true }))

test('the command starts through its link', () => {
  const started = spawnSync(process.execPath, [link, '--version'], {
    encoding: 'utf8',
    cwd: folder,
  })
  assert.equal(started.stderr, '')
  assert.equal(started.stdout.trim(), version)
  assert.equal(started.status, 0)
})

test('a bad verb ends with the exit code of the command', () => {
  const args = [link, 'no-such-verb']
  assert.equal(spawnSync(process.execPath, args, { cwd: folder }).status, 2)
})

test('a Node that is too old is told which one is needed, in one line', () => {
  const shim = join(folder, 'old-node.cjs')
  writeFileSync(
    shim,
    "Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '20.20.2' } })",
  )
  const args = ['--require', shim, link, '--version']
  const started = spawnSync(process.execPath, args, { encoding: 'utf8', cwd: folder })
  assert.match(started.stderr, /^E_NODE_VERSION: [^\n]*Node 22\.18[^\n]*20\.20\.2\.\n$/)
  assert.equal(started.stdout, '')
  assert.equal(started.status, 1)
})

test('the doors that package.json names are there', () => {
  const resolve = `console.log(require.resolve('plimsoll/preload'), require.resolve('plimsoll/schema.json'))`
  const args = ['-e', resolve]
  const found = execFileSync(process.execPath, args, { encoding: 'utf8', cwd: folder })
  for (const file of found.trim().split(' ')) assert.ok(existsSync(file), file)
  const suites = `import('plimsoll/testing').then((door) => console.log(Object.keys(door).sort().join()))`
  const doors = execFileSync(process.execPath, ['-e', suites], { encoding: 'utf8', cwd: folder })
  const ports = ['balancer', 'metrics', 'provider', 'store']
  assert.equal(doors.trim(), ports.map((port) => `${port}Conformance`).join())
  assert.ok(existsSync(join(installed, 'examples', 'shop', 'server.js')))
  assert.ok(existsSync(join(installed, 'plimsoll.example.yaml')))
})
