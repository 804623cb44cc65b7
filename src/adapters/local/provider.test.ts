// Instances as real processes: the Provider port, and what only processes can do wrong.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { groupSpec } from '../../../tests/simulation/loop.ts'
import type { Action, GroupSpec, Instance, Outcome, RunSpec } from '../../core/model.ts'
import type { Provider } from '../../core/ports.ts'
import { type ProviderSubject, providerConformance } from '../../testing/provider.ts'
import { systemClock } from './clock.ts'
import { allProcesses, environmentOf } from './procfs.ts'
import { createLocalProvider } from './provider.ts'
import type { InstanceRecord } from './records.ts'

const SERVER = `
for (const n of [1, 2, 3]) console.log('line ' + n)
require('node:http').createServer((q, r) => r.end('ok')).listen(process.env.PORT, process.env.HOST)
`
const NEVER = new AbortController().signal

function groupOf(script: string, change: Partial<RunSpec> = {}): GroupSpec {
  const group = groupSpec()
  const command = [process.execPath, '-e', script]
  return { ...group, run: { ...group.run, command, cwd: tmpdir(), ...change } }
}

// Ends what a test left, by the name of its group and the folder its records are in.
async function sweep(folder: string): Promise<void> {
  for (const record of recordsIn(folder)) {
    const leader = record.identity?.pid
    const own = allProcesses().filter((p) => {
      return p.session === leader && environmentOf(p.pid, 'PLIMSOLL_NONCE') === record.nonce
    })
    for (const { pid } of own) process.kill(pid, 'SIGKILL')
  }
  await sleep(20)
  rmSync(folder, { recursive: true, force: true })
}

function recordsIn(folder: string): readonly InstanceRecord[] {
  const place = join(folder, 'instances')
  return readdirSync(place).map((name) => {
    return JSON.parse(readFileSync(join(place, name), 'utf8')) as InstanceRecord
  })
}

async function create(): Promise<ProviderSubject> {
  const folder = mkdtempSync(join(tmpdir(), 'plimsoll-provider-'))
  const open = () => createLocalProvider({ stateDir: folder, clock: systemClock })
  const opened = [open()]
  return {
    provider: opened[0] ?? open(),
    group: groupOf(SERVER),
    another: () => {
      opened.push(open())
      return opened.at(-1) ?? open()
    },
    crash: ({ pid }) => process.kill(pid ?? Number.NaN, 'SIGKILL'),
    pass: async (ms) => {
      await sleep(ms)
    },
    dispose: async () => {
      await Promise.all(opened.map((p) => p.close()))
      await sweep(folder)
    },
  }
}

providerConformance('local', create)

describe('processes', () => {
  let folder: string
  let provider: Provider
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'plimsoll-provider-'))
    provider = createLocalProvider({ stateDir: folder, clock: systemClock })
  })
  afterEach(async () => {
    await provider.close()
    await sweep(folder)
  })

  const start = (group: GroupSpec, instance = 'web-1'): Promise<Outcome> => {
    const base = { group: group.name, generation: 'a.0', reason: 'test' }
    return provider.apply({ kind: 'start', instance, ...base }, group, NEVER)
  }
  const apply = (kind: 'stop' | 'kill', group: GroupSpec): Promise<Outcome> => {
    const action: Action = { kind, group: group.name, instance: 'web-1', reason: 'test' }
    return provider.apply(action, group, NEVER)
  }
  const seen = async (group: GroupSpec): Promise<Instance | undefined> => {
    const status = await provider.observe(group, NEVER)
    return status.kind === 'known' ? status.instances[0] : undefined
  }
  const until = async (
    group: GroupSpec,
    what: (instance: Instance) => boolean,
  ): Promise<Instance> => {
    for (let n = 0; n < 200; n++) {
      const instance = await seen(group)
      if (instance !== undefined && what(instance)) return instance
      await sleep(50)
    }
    assert.fail(`waited for ${what}: ${JSON.stringify(await seen(group))}`)
  }

  test('what can not be started fails with its code, and leaves nothing behind', async () => {
    const cases: readonly (readonly [Partial<RunSpec>, string])[] = [
      [{ command: ['no-such-command-at-all'] }, 'E_COMMAND_NOT_FOUND'],
      [{ cwd: join(folder, 'nowhere') }, 'E_COMMAND_NOT_FOUND'],
      [{ env: { TOKEN: '$NO_SUCH_VARIABLE' } }, 'E_ENV_MISSING'],
      [{ envFile: join(folder, 'nowhere.env') }, 'E_ENV_FILE'],
      [{ user: 'no-such-user-here' }, 'E_USER_UNKNOWN'],
    ]
    for (const [change, code] of cases) {
      const outcome = await start(groupOf(SERVER, change))
      assert.equal(outcome.kind === 'failed' ? outcome.fault.code : outcome.kind, code)
      assert.deepEqual(recordsIn(folder), [], code)
      assert.equal(await seen(groupOf(SERVER)), undefined)
    }
  })

  test('one that is told its socket listens there, and one on its port does not', async () => {
    const script = `require('node:http').createServer((q, r) => r.end()).listen(process.argv[1])`
    const group = groupOf(script, { command: [process.execPath, '-e', script, '{socket}'] })
    await start(group)
    const { socket = '' } = await until(group, (i) => i.phase === 'ready')
    assert.match(socket, /\/web-1\/http\.sock$/)
    assert.ok(existsSync(socket))
    await apply('stop', group)
    await until(group, (i) => i.phase === 'exited')
    assert.equal(existsSync(dirname(socket)), false)
    await start(groupOf(SERVER), 'web-2')
    const other = await provider.observe(group, NEVER)
    const found = other.kind === 'known' && other.instances.find(({ id }) => id === 'web-2')
    assert.ok(found)
    assert.equal(found.socket, undefined)
  })

  test('a socket of somebody else does not make an instance ready', async () => {
    const script = `setTimeout(() => console.log(process.argv[1]), 50); setTimeout(() => {}, 60000)`
    const group = groupOf(script, { command: [process.execPath, '-e', script, '{socket}'] })
    await start(group)
    const [record] = recordsIn(folder)
    const path = record?.socket ?? ''
    const stranger = createServer().listen(path)
    const { detail } = await until(group, (i) => i.detail?.includes('is held by') === true)
    assert.match(detail ?? '', /http\.sock is held by a process that is not this instance/)
    stranger.close()
  })

  test('an instance gets the contract, and not the key of the controller', async () => {
    const script = `console.log(JSON.stringify([process.argv[1], process.env]));${SERVER}`
    const command = [process.execPath, '-e', script, 'at-{port}-{port}']
    const group = groupOf(script, { command, env: { MODE: 'test' } })
    const before = process.env.SERVICE_API_KEY
    process.env.SERVICE_API_KEY = 'secret-of-the-controller'
    try {
      await start(group)
    } finally {
      if (before === undefined) delete process.env.SERVICE_API_KEY
      else process.env.SERVICE_API_KEY = before
    }
    const { port } = await until(group, (i) => i.phase === 'ready')
    const said = readFileSync(join(folder, 'logs', 'web-1.log'), 'utf8').split('\n')[0] ?? ''
    const [argument, env] = JSON.parse(said) as [string, Record<string, string>]
    assert.equal(argument, `at-${port}-${port}`)
    assert.deepEqual([env.PORT, env.HOST, env.MODE], [String(port), '127.0.0.1', 'test'])
    assert.deepEqual([env.PLIMSOLL_GROUP, env.PLIMSOLL_INSTANCE], ['web', 'web-1'])
    assert.equal(env.SERVICE_API_KEY, undefined)
  })

  test('with a shell the one string is a command line', async () => {
    const command = ['echo "$PLIMSOLL_INSTANCE on {port}"; exit 3']
    const group = groupOf('', { command, shell: true })
    await start(group)
    const { exit, port } = await until(group, (i) => i.phase === 'exited')
    assert.equal(exit?.code, 3)
    assert.deepEqual(exit?.lastLines, [`web-1 on ${port}`])
  })

  test('without a shell nothing is expanded', async () => {
    const group = groupOf('', { command: ['echo', '$HOME; exit 3'] })
    await start(group)
    const { exit } = await until(group, (i) => i.phase === 'exited')
    assert.deepEqual([exit?.code, exit?.lastLines], [0, ['$HOME; exit 3']])
  })

  test('the end tells code, signal and the last lines', async () => {
    const group = groupOf(`console.error('it broke'); process.exit(7)`)
    await start(group)
    const { exit } = await until(group, (i) => i.phase === 'exited')
    assert.deepEqual([exit?.code, exit?.wasReady, exit?.expected], [7, false, false])
    assert.deepEqual(exit?.lastLines, ['it broke'])
  })

  test('whoever listens on its port without being the instance is not taken for it', async () => {
    const group = groupOf('setInterval(() => {}, 1000)')
    await start(group)
    const { port } = await until(group, (i) => i.detail !== undefined)
    const stranger = createServer().listen(port, '127.0.0.1')
    try {
      const { phase } = await until(group, (i) => /not this instance/.test(i.detail ?? ''))
      assert.equal(phase, 'starting')
    } finally {
      stranger.close()
    }
  })

  test('a listener in a child of the instance is its own', async () => {
    const script = `require('node:child_process').spawn(process.execPath, ['-e', ${JSON.stringify(SERVER)}], { stdio: 'inherit' })`
    const group = groupOf(script)
    await start(group)
    const { pid } = await until(group, (i) => i.phase === 'ready')
    const session = () => allProcesses().filter((p) => p.session === pid && p.state !== 'Z')
    assert.equal(session().length, 2)
    await apply('kill', group)
    await until(group, (i) => i.phase === 'exited')
    await sleep(50)
    assert.equal(session().length, 0)
  })

  test('a child left behind by a crashed leader is ended too', async () => {
    const child = `process.on('SIGTERM', () => {}); setInterval(() => {}, 1000)`
    const script = `require('node:child_process').spawn(process.execPath, ['-e', ${JSON.stringify(child)}]);${SERVER}`
    const group = groupOf(script)
    await start(group)
    const { pid } = await until(group, (i) => i.phase === 'ready')
    process.kill(pid ?? Number.NaN, 'SIGKILL')
    await until(group, (i) => i.phase === 'exited')
    await sleep(50)
    const left = allProcesses().filter((p) => p.session === pid && p.state !== 'Z')
    assert.deepEqual(left, [])
  })

  test('a start that a controller died in is found again by its nonce', async () => {
    const group = groupOf(SERVER)
    await start(group)
    const ready = await until(group, (i) => i.phase === 'ready')
    await provider.close()
    const [record] = recordsIn(folder)
    assert.ok(record)
    const { identity: _lost, ...rest } = record
    const path = join(folder, 'instances', 'web-1.json')
    writeFileSync(path, JSON.stringify({ ...rest, phase: 'starting', wasReady: false }))
    provider = createLocalProvider({ stateDir: folder, clock: systemClock })
    assert.equal(await provider.adopt(NEVER), 1)
    assert.equal((await until(group, (i) => i.phase === 'ready')).pid, ready.pid)
  })

  test('a start that was only written down is ended without a failure', async () => {
    await provider.close()
    const nowMs = Date.now()
    const record: InstanceRecord = {
      ...{ id: 'web-1', group: 'web', generation: 'a.0', nonce: 'nobody-has-this-nonce' },
      ...{ host: '127.0.0.1', port: 20_001, phase: 'starting', phaseAtMs: nowMs },
      ...{ startedAtMs: nowMs, wasReady: false, stopAsked: false },
    }
    writeFileSync(join(folder, 'instances', 'web-1.json'), JSON.stringify(record))
    provider = createLocalProvider({ stateDir: folder, clock: systemClock })
    assert.equal(await provider.adopt(NEVER), 0)
    const found = await seen(groupOf(SERVER))
    assert.deepEqual([found?.phase, found?.exit?.expected], ['exited', true])
  })

  test('a pid that somebody else has now is not signalled', async () => {
    const group = groupOf(SERVER)
    await start(group)
    const own = await until(group, (i) => i.phase === 'ready')
    const stranger = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], {
      detached: true,
    })
    try {
      await provider.close()
      const [record] = recordsIn(folder)
      assert.ok(record?.identity && stranger.pid)
      const startTicks = allProcesses().find((p) => p.pid === stranger.pid)?.startTicks ?? 0
      // All that a look at the pid can tell is right: only nonce and user are the instance's.
      const identity = { ...record.identity, pid: stranger.pid, startTicks }
      writeFileSync(
        join(folder, 'instances', 'web-1.json'),
        JSON.stringify({ ...record, identity }),
      )
      provider = createLocalProvider({ stateDir: folder, clock: systemClock })
      await provider.adopt(NEVER)
      for (const kind of ['stop', 'kill'] as const) {
        const outcome = await apply(kind, group)
        assert.equal(outcome.kind === 'failed' ? outcome.fault.code : outcome.kind, 'E_IDENTITY')
      }
      await sleep(100)
      assert.deepEqual([stranger.exitCode, stranger.signalCode], [null, null])
    } finally {
      stranger.kill('SIGKILL')
      process.kill(own.pid ?? Number.NaN, 'SIGKILL')
    }
  })

  test('a record that can not be read is told, not dropped', async () => {
    writeFileSync(join(folder, 'instances', 'web-1.json'), '{ "id": "we')
    await assert.rejects(provider.adopt(NEVER), { code: 'E_STORE', message: /web-1\.json/ })
    rmSync(join(folder, 'instances', 'web-1.json'))
  })

  test('processor and memory of an instance are measured', async () => {
    const group = groupOf(
      `${SERVER};const end = Date.now() + 60000;(function spin() { const t = Date.now() + 30; while (Date.now() < t) {} if (t < end) setTimeout(spin, 5) })()`,
    )
    await start(group)
    const { cpuPercent, memoryBytes } = await until(group, (i) => i.cpuPercent.kind === 'value')
    assert.ok(cpuPercent.kind === 'value' && cpuPercent.value > 5 && cpuPercent.value < 200)
    assert.ok(memoryBytes.kind === 'value' && memoryBytes.value > 5e6)
  })
})
