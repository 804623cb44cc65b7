// The command line before anything runs: starting, what is refused, files and words that are wrong.
import assert from 'node:assert/strict'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import type { StatusView } from '../../src/engine/view.ts'
import { TestApplication, until } from './application.ts'
import { done, failedWith, type Json, listens, nothingIsLeft } from './command-line.ts'

describe('starting', () => {
  let app: TestApplication
  before(async () => {
    app = await TestApplication.create()
  })
  after(() => app.close())

  test('without SERVICE_API_KEY a key is made for the owner alone, and works', async () => {
    const none = { SERVICE_API_KEY: '' }
    const up = await app.run(['up', '--detach', '--json'], none)
    done(up)
    const path = join(app.state, 'api-key')
    assert.equal(statSync(path).mode & 0o777, 0o600)
    const key = readFileSync(path, 'utf8').trim()
    assert.ok(key.length >= 32)
    done(await app.run(['status', '--json'], none))
    const status = `http://127.0.0.1:${app.apiPort}/api/scalability/status`
    const asked = async (authorization: string) => {
      return (await fetch(status, { headers: { authorization } })).status
    }
    assert.deepEqual([await asked(`Bearer ${key}`), await asked('Bearer test-key')], [200, 401])
    assert.deepEqual(done(await app.run(['down', '--json'], none)), { stopped: true })
    await nothingIsLeft(app)
  })

  test('a file with nothing but the block of the mission and a command works', async () => {
    const lines = [
      'scaling: { min_instances: 1, max_instances: 5, threshold: 80 }',
      'groups:',
      `  ${app.group}:`,
      `    run: { command: [${JSON.stringify(process.execPath)}, server.js] }`,
    ]
    app.writeText(lines.join('\n'))
    const checked = done(await app.run(['check', '--json']))
    assert.deepEqual([checked.ok, checked.groups], [true, [app.group]])
    const dry = done(await app.run(['up', '--json', '--dry-run']))
    const [group] = dry.groups as Json[]
    assert.deepEqual([group?.instances, group?.listen], [1, '127.0.0.1:8080'])
    app.write()
  })

  test('a command without a file', async () => {
    const listen = `${app.listenPort}`
    const words = [
      'up',
      '--json',
      '--detach',
      '--listen',
      listen,
      '--',
      process.execPath,
      'server.js',
    ]
    // Without a file the API has its usual port, or another where that is taken.
    const squatter = createServer().listen(7_070, '127.0.0.1')
    squatter.once('error', () => squatter.close())
    const status = done(await app.run(words)) as unknown as StatusView
    assert.deepEqual([status.groups[0]?.group, status.groups[0]?.ready], ['web', 1])
    assert.equal((await fetch(app.url)).status, 200)
    assert.deepEqual(done(await app.run(['down', '--json'])), { stopped: true })
    assert.equal(await listens(app.listenPort), false)
    squatter.close()
  })

  test('a command that does not exist is said soon, with its code, and leaves nothing', async () => {
    app.write({ run: '{ command: [no-such-command-here], start_timeout: 60s }' })
    const began = performance.now()
    const ran = await app.run(['up', '--detach', '--json'])
    const message = failedWith(ran, 'E_COMMAND_NOT_FOUND')
    assert.match(message, /no-such-command-here was not found/)
    assert.ok(performance.now() - began < 30_000)
    await app.run(['down'])
    await nothingIsLeft(app)
    app.write()
  })

  test('an instance that can not start is reported with its last words, and down works meanwhile', async () => {
    writeFileSync(join(app.folder, 'broken.js'), `console.error('no database'); process.exit(4)`)
    const command = `[${JSON.stringify(process.execPath)}, broken.js]`
    app.write({ run: `{ command: ${command}, start_timeout: 3s, stop_timeout: 1s }` })
    const up = app.start()
    await until('the failure', 15_000, async () => {
      const { failures } = await app.view().catch(() => ({ failures: null }))
      return failures !== null && /code 4.*no database/.test(failures.reason) ? true : undefined
    })
    assert.deepEqual(done(await app.run(['down', '--json'])), { stopped: true })
    await until('up to end', 10_000, () => up.child.exitCode ?? undefined)
    await nothingIsLeft(app)
    app.write()
  })

  test('a port in use is refused before anything is started', async () => {
    const squatter = createServer().listen(app.listenPort, '127.0.0.1')
    try {
      for (const detach of [[], ['--detach']]) {
        const message = failedWith(await app.run(['up', '--json', ...detach]), 'E_PORT_IN_USE')
        assert.match(message, new RegExp(`${app.listenPort}`))
      }
    } finally {
      squatter.close()
    }
    assert.deepEqual(app.processes(), [])
  })

  test('a state folder that is none, or damaged, is refused and the verb ends', async () => {
    const wrong = ['up', '--json', '--file', app.file, '--state']
    failedWith(await app.runRaw([...wrong, join(app.file, 'x')]), 'E_STORE')
    const damaged = join(app.folder, 'damaged')
    mkdirSync(damaged)
    writeFileSync(join(damaged, 'store.sqlite'), 'no database, but long enough to look like one')
    failedWith(await app.runRaw([...wrong, damaged]), 'E_STORE')
    rmSync(join(damaged, 'store.sqlite'))
    mkdirSync(join(damaged, 'instances'), { recursive: true })
    writeFileSync(join(damaged, 'instances', 'web-1.json'), '{')
    failedWith(await app.runRaw([...wrong, damaged]), 'E_STORE')
    assert.deepEqual(app.processes(), [])
    // Late in the start: the key can't be kept. Nothing may have been begun by then.
    const late = join(app.folder, 'late')
    mkdirSync(join(late, 'api-key'), { recursive: true })
    const none = { SERVICE_API_KEY: '' }
    failedWith(await app.runRaw([...wrong, late], app.folder, none), 'E_STORE')
    failedWith(await app.runRaw([...wrong, late, '--detach'], app.folder, none), 'E_STORE')
    assert.deepEqual(app.processes(), [])
    assert.equal(await listens(app.listenPort), false)
  })
})

describe('files and words', () => {
  let app: TestApplication
  const check = async (text: string): Promise<string> => {
    app.writeText(text)
    return failedWith(await app.run(['check', '--json']), 'E_FILE_INVALID', 2)
  }
  before(async () => {
    app = await TestApplication.create()
  })
  after(() => app.close())

  test('check starts nothing, and says yes to a right file', async () => {
    const told = done(await app.run(['check', '--json']))
    assert.deepEqual([told.ok, told.app, told.groups], [true, 'test', [app.group]])
    assert.equal(existsSync(app.state), false)
    const text = await app.run(['check'])
    assert.deepEqual([text.code, text.stderr], [0, ''])
  })

  test('a broken file: all problems at once, with line, path and the nearest key', async () => {
    const message = await check(
      [
        'groups:',
        '  web:',
        '    run: { comand: [node, a.js], start_timeout: 5 }',
        '    http: { listen: 99999 }',
        '    scaling: { min_instances: 5, max_instances: 2 }',
      ].join('\n'),
    )
    const parts = ['comand', 'command', 'start_timeout', '99999', 'max_instances', '3:', '4:', '5:']
    for (const part of parts) assert.ok(message.includes(part), `${part} in ${message}`)
    const text = await app.run(['check'])
    assert.deepEqual([text.code, text.stdout], [2, ''])
    assert.match(text.stderr, /^error E_FILE_INVALID: /)
  })

  test('empty, no YAML, no file, min 0 behind a balancer', async () => {
    assert.match(await check(''), /empty/)
    assert.match(await check('# nothing but words\n'), /empty/)
    await check('groups: [')
    await check('just a text')
    const zero = `groups: { web: { run: { command: [node, a.js] }, http: { listen: 8080 }, scaling: { min_instances: 0, max_instances: 2 } } }`
    assert.match(await check(zero), /min_instances/)
    const nowhere = ['check', '--json', '--file', join(app.folder, 'nowhere.yaml')]
    failedWith(await app.runRaw(nowhere), 'E_FILE_MISSING', 2)
    failedWith(await app.runRaw(['check', '--json', '--file', app.folder]), 'E_FILE_INVALID', 2)
    failedWith(await app.run(['up', '--json', '--detach']), 'E_FILE_INVALID', 2)
    assert.equal(existsSync(app.state), false)
  })

  test('words that are none: exit 2, a code, a remedy', async () => {
    const bad = [
      ['fly'],
      ['scale'],
      ['scale', 'web'],
      ['status', 'more', 'words'],
      ['up', '--fast'],
    ]
    for (const words of [...bad, ['hold', 'web', '--for'], []]) {
      failedWith(await app.runRaw([...words, '--json']), 'E_USAGE', 2)
    }
    const text = await app.runRaw(['fly'])
    assert.deepEqual([text.code, text.stdout], [2, ''])
    assert.match(text.stderr, /^error E_USAGE: .*fly.*\n {2}See `plimsoll --help`/)
    const bare = await app.runRaw([])
    assert.equal(bare.code, 2)
    assert.match(bare.stderr, /Usage: plimsoll/)
  })

  test('--help and --version are no errors', async () => {
    const help = await app.runRaw(['--help'])
    assert.equal(help.code, 0)
    for (const verb of ['init', 'check', 'up', 'down', 'status', 'scale', 'hold', 'restart']) {
      assert.match(help.stdout, new RegExp(`^ {2}${verb} `, 'm'))
    }
    assert.match((await app.runRaw(['--version'])).stdout, /^\d+\.\d+\.\d+\n$/)
  })

  test('init writes a file that check likes, from package.json, and never over another', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'plimsoll-init-'))
    const file = join(folder, 'plimsoll.yaml')
    const init = (...extra: string[]) => app.runRaw(['init', '--json', ...extra], folder)
    const scripts = { start: 'node src/main.js --verbose' }
    writeFileSync(join(folder, 'package.json'), JSON.stringify({ name: 'x', scripts }))
    const dry = done(await init('--dry-run'))
    assert.deepEqual([dry.written, existsSync(file)], [false, false])
    const told = done(await init())
    assert.equal(told.written, true)
    assert.equal(readFileSync(file, 'utf8'), told.text)
    assert.match(String(told.text), /\["node", "src\/main\.js", "--verbose"\]/)
    done(await app.runRaw(['check', '--json'], folder))
    failedWith(await init(), 'E_USAGE', 2)
    rmSync(file)
    for (const text of ['{ broken', 'null', '[]', '{"scripts":{"start":7},"main":8}']) {
      writeFileSync(join(folder, 'package.json'), text)
      done(await init())
      done(await app.runRaw(['check', '--json'], folder))
      rmSync(file)
    }
    rmSync(folder, { recursive: true })
  })
})
