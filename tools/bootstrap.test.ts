// The bootstrap in a project of its own, with a program that stands in for npm and notes its calls.
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { afterEach, beforeEach, test } from 'node:test'
import { ROOT } from './command.ts'

const NODE = process.versions.node
const LOCK = { packages: { '': {}, 'node_modules/x': { version: '1.0.0' } } }
/** `npm ci` takes a moment, then puts one package and the binary of Node in place. */
const NPM = `#!${process.execPath}
const fs = require('node:fs')
fs.appendFileSync('calls', process.argv[2] + '\\n')
if (fs.existsSync('broken')) { console.log('npm says why'); process.exit(7) }
setTimeout(() => {
  fs.mkdirSync('node_modules/.bin', { recursive: true })
  fs.mkdirSync('node_modules/x', { recursive: true })
  fs.writeFileSync('node_modules/x/package.json', '{}')
  fs.copyFileSync('package-lock.json', 'node_modules/.package-lock.json')
  const withoutNode = process.argv[2] === 'ci' && fs.existsSync('no-scripts')
  if (!withoutNode && !fs.existsSync('node_modules/.bin/node'))
    fs.symlinkSync(process.execPath, 'node_modules/.bin/node')
}, 300)
`
const SCRIPT = `console.log(JSON.stringify(process.argv.slice(2)))
const [what] = process.argv.slice(2)
if (what === 'code') process.exit(5)
if (what === 'die') process.kill(process.pid, 'SIGKILL')
if (what === 'wait') {
  setInterval(() => {}, 1000)
  process.on('SIGINT', () => process.exit(42))
  console.log('ready')
}
`

let folder = ''
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'plimsoll-bootstrap-'))
  mkdirSync(join(folder, 'tools'))
  for (const file of ['bootstrap.cjs', 'install-lock.cjs'])
    cpSync(join(ROOT, 'tools', file), join(folder, 'tools', file))
  const manifest = { devDependencies: { node: NODE } }
  writeFileSync(join(folder, 'package.json'), JSON.stringify(manifest))
  writeFileSync(join(folder, 'package-lock.json'), JSON.stringify(LOCK))
  writeFileSync(join(folder, 'script.cjs'), SCRIPT)
  mkdirSync(join(folder, 'path'))
  writeFileSync(join(folder, 'path', 'npm'), NPM, { mode: 0o755 })
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

interface Ended {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly out: string
  readonly err: string
}

function start(...args: string[]): { child: ChildProcess; ended: Promise<Ended> } {
  const PATH = [join(folder, 'path'), process.env.PATH].join(delimiter)
  const bootstrap = join(folder, 'tools', 'bootstrap.cjs')
  const child = spawn(process.execPath, [bootstrap, 'script.cjs', ...args], {
    cwd: tmpdir(),
    env: { ...process.env, PATH },
  })
  let out = ''
  let err = ''
  child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()))
  child.stderr.on('data', (chunk: Buffer) => (err += chunk.toString()))
  const ended = new Promise<Ended>((resolve) =>
    child.on('close', (code, signal) => resolve({ code, signal, out, err })),
  )
  return { child, ended }
}

const run = (...args: string[]) => start(...args).ended
const calls = () => readFileSync(join(folder, 'calls'), 'utf8').trim().split('\n')

test('it installs once, says so on standard error alone, and starts the script', async () => {
  const first = await run('a', '--b')
  assert.equal(first.out, '["a","--b"]\n')
  assert.match(first.err, /^Installing [^\n]*\n$/)
  const second = await run()
  assert.deepEqual([second.out, second.err, second.code], ['[]\n', '', 0])
  assert.deepEqual(calls(), ['ci'])
})

test('it installs again when the lock file asks for something else', async () => {
  await run()
  const changed = { packages: { '': {}, 'node_modules/x': { version: '2.0.0' } } }
  writeFileSync(join(folder, 'package-lock.json'), JSON.stringify(changed))
  await run()
  await run()
  assert.deepEqual(calls(), ['ci', 'ci'])
})

test('two at once install once', async () => {
  const both = await Promise.all([run('1'), run('2')])
  assert.deepEqual(
    both.map(({ out }) => out),
    ['["1"]\n', '["2"]\n'],
  )
  assert.deepEqual(calls(), ['ci'])
})

test('a lock whose holder is gone is taken over', async () => {
  mkdirSync(join(folder, '.plimsoll'))
  const gone = spawn(process.execPath, ['-e', ''])
  await new Promise((resolve) => gone.on('close', resolve))
  writeFileSync(join(folder, '.plimsoll', 'install.lock'), String(gone.pid))
  assert.equal((await run()).code, 0)
})

test('where npm left out the binary of Node, it is fetched', async () => {
  writeFileSync(join(folder, 'no-scripts'), '')
  assert.equal((await run()).code, 0)
  assert.deepEqual(calls(), ['ci', 'rebuild'])
})

test('a failed installation is shown, and nothing is started', async () => {
  writeFileSync(join(folder, 'broken'), '')
  const { code, out, err } = await run()
  assert.deepEqual([code, out], [1, ''])
  assert.match(err, /npm says why\n.*npm ci failed \(exit 7\)/)
})

test('the script decides on signals, and its end is passed on', async () => {
  assert.equal((await run('code')).code, 5)
  assert.equal((await run('die')).signal, 'SIGKILL')
  const waiting = start('wait')
  await new Promise<void>((resolve) =>
    waiting.child.stdout?.on('data', (chunk: Buffer) => {
      if (chunk.includes('ready')) resolve()
    }),
  )
  waiting.child.kill('SIGINT')
  assert.equal((await waiting.ended).code, 42)
})
