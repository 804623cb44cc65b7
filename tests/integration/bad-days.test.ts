// What goes wrong on real machines, done to a real application: kills, hangs, strangers, planted
// pids.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { runLoad } from '../../src/lab/load/open.ts'
import { type Started, TestApplication, until } from './application.ts'

describe('kills', () => {
  let app: TestApplication
  let controller: Started
  before(async () => {
    app = await TestApplication.create()
    controller = app.start()
    await app.settled(2)
  })
  after(() => app.close())

  test('an instance killed: out of rotation within a second, replaced', async () => {
    const victim = (await app.view()).instances[0]
    assert.ok(victim?.pid)
    const load = runLoad({
      target: app.url,
      profile: [{ seconds: 6, rps: 60 }],
      seed: 1,
      faultRatio: 0,
    })
    await sleep(1_000)
    process.kill(victim.pid, 'SIGKILL')
    const result = await load
    const view = await app.settled(2)
    assert.ok(!view.instances.some((i) => i.id === victim.id))
    // Only what was in flight on it may fail: 60 requests/s of about 15 ms are one or two at a
    // time.
    assert.ok(result.failed <= 4, JSON.stringify(result.failures))
    const late = result.failures.filter((f) => f.dueMs > 2_500)
    assert.deepEqual(late, [])
  })

  test('a hung instance is unhealthy within three seconds, and replaced', async () => {
    const victim = (await app.view()).instances[0]
    assert.ok(victim?.pid)
    const began = performance.now()
    process.kill(victim.pid, 'SIGSTOP')
    const ms = await until('it to be unhealthy or drained', 10_000, async () => {
      const now = (await app.view()).instances.find((i) => i.id === victim.id)
      return now?.health === 'healthy' && now.phase === 'ready'
        ? undefined
        : performance.now() - began
    })
    // Three seconds are the mark; a busy machine may be a little late to say so.
    assert.ok(ms < 5_000, `${ms} ms`)
    const view = await app.settled(2, 40_000)
    assert.ok(!view.instances.some((i) => i.id === victim.id))
  })

  test('the balancer killed: back within two seconds, with the same targets', async () => {
    const pid = balancerPid(app)
    process.kill(pid, 'SIGKILL')
    const began = performance.now()
    await until('an answer', 10_000, async () => {
      const response = await fetch(app.url, { signal: AbortSignal.timeout(1_000) }).catch(
        () => undefined,
      )
      return response?.ok === true ? response : undefined
    })
    assert.ok(performance.now() - began < 5_000)
    await app.settled(2)
    assert.notEqual(balancerPid(app), pid)
  })

  test('the controller killed: requests go on, and the next one adopts everything', async () => {
    const load = runLoad({ target: app.url, profile: [{ seconds: 8, rps: 60 }], seed: 2 })
    const before = [...app.processes()].sort()
    const balancer = balancerPid(app)
    await sleep(1_000)
    controller.child.kill('SIGKILL')
    await sleep(2_000)
    controller = app.start()
    await app.settled(2)
    const status = await app.status()
    assert.equal(status.adopted, 2)
    assert.deepEqual([...app.processes()].sort(), before)
    assert.equal(balancerPid(app), balancer)
    const result = await load
    assert.equal(result.failed, 0, JSON.stringify(result.failures))
  })

  test('records that are lost are found again by what the processes say of themselves', async () => {
    const before = [...app.processes()].sort()
    controller.child.kill('SIGKILL')
    rmSync(join(app.state, 'instances'), { recursive: true })
    controller = app.start()
    await app.settled(2)
    assert.equal((await app.status()).adopted, 2)
    assert.deepEqual([...app.processes()].sort(), before)
  })

  test('SIGTERM ends the controller alone; an adopted instance that dies is replaced', async () => {
    const before = [...app.processes()].sort()
    controller.child.kill('SIGTERM')
    await until('it to end', 5_000, () => controller.child.exitCode === 0 || undefined)
    assert.deepEqual([...app.processes()].sort(), before)
    controller = app.start()
    await app.settled(2)
    process.kill(before[0] ?? 0, 'SIGKILL')
    await until('the end to be noticed', 3_000, async () => {
      const pids = (await app.view()).instances.map((i) => i.pid)
      return pids.includes(before[0] ?? 0) ? undefined : true
    })
    await app.settled(2)
  })

  test('a file that changed meanwhile: the difference is told, and rolled through', async () => {
    const before = (await app.view()).instances.map((i) => i.generation)
    controller.child.kill('SIGTERM')
    await until('it to end', 5_000, () => controller.child.exitCode ?? undefined)
    const command = `[${JSON.stringify(process.execPath)}, server.js]`
    app.write({ run: `{ command: ${command}, env: { TOKEN: hush-hush }, stop_timeout: 5s }` })
    controller = app.start()
    await app.settled(2)
    const after = (await app.view()).instances.map((i) => i.generation)
    assert.ok(after.every((g) => !before.includes(g)))
    assert.match(controller.output(), /run\.env/)
    assert.ok(!controller.output().includes('hush-hush'))
    // Nor is it stored anywhere.
    const files = readdirSync(app.state).filter((name) => name.startsWith('store.sqlite'))
    const kept = files.map((name) => readFileSync(join(app.state, name), 'latin1')).join('')
    assert.ok(kept.includes('TOKEN') && !kept.includes('hush-hush'))
  })

  test('a change that can not work changes nothing', async () => {
    const taken = createServer().listen(0, '127.0.0.1')
    await until('it to listen', 2_000, () => taken.listening || undefined)
    const { port } = taken.address() as AddressInfo
    const before = await app.view()
    app.write({ http: `{ listen: "127.0.0.1:${port}", health: /healthz, via: builtin }` })
    const { code, stderr } = await app.run(['up'])
    taken.close()
    assert.equal(code, 1)
    assert.match(stderr, /E_PORT_IN_USE/)
    assert.equal((await app.view()).listen, before.listen)
    assert.ok((await fetch(app.url)).ok)
  })

  test('a group that is gone from the file is drained, and then forgotten', async () => {
    const second = await app.anotherPort()
    const extra = `  other: { run: { command: [${JSON.stringify(process.execPath)}, server.js] }, http: { listen: "127.0.0.1:${second}" } }`
    const command = `[${JSON.stringify(process.execPath)}, server.js]`
    const run = `{ command: ${command}, env: { TOKEN: hush-hush }, stop_timeout: 5s }`
    app.write({ run, groups: extra })
    assert.equal((await app.run(['up'])).code, 0)
    const there = () => fetch(`http://127.0.0.1:${second}`).catch(() => undefined)
    await until('the other group', 10_000, async () => ((await there())?.ok ? true : undefined))
    app.write({ run })
    assert.match((await app.run(['up'])).stdout, /groups\.other: present → absent/)
    await until('it to be gone', 10_000, async () => {
      const groups = (await app.status()).groups.map((g) => g.group)
      return groups.length === 1 && (await there()) === undefined ? true : undefined
    })
    assert.match((await app.run(['up'])).stdout, /has not changed/)
  })

  test('what is meant for one controller does not reach another at its address', async () => {
    const other = join(app.folder, 'other-state')
    mkdirSync(other)
    const told = JSON.parse(readFileSync(join(app.state, 'controller.json'), 'utf8')) as object
    writeFileSync(join(other, 'controller.json'), JSON.stringify({ ...told, id: 'long gone' }))
    const words = ['scale', app.group, '3', '--state', other]
    const { code, stderr } = await app.runRaw(words, app.folder)
    assert.equal(code, 1)
    assert.match(stderr, /E_NOT_RUNNING/)
    assert.equal((await app.view()).desired, 2)
  })

  test('a second controller on the same state folder is refused', async () => {
    const other = app.start(undefined, ['--json'])
    await until('it to end', 10_000, () => other.child.exitCode ?? undefined)
    assert.match(other.output(), /"applied": false/)
    const { lockState } = await import('../../src/adapters/sqlite/lock.ts')
    assert.equal(lockState(app.state), undefined)
  })

  test('a pid that was reused is not signalled', async () => {
    controller.child.kill('SIGKILL')
    await sleep(200)
    const stranger = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], {
      detached: true,
    })
    const folder = join(app.state, 'instances')
    const name = readdirSync(folder)[0] ?? ''
    const path = join(folder, name)
    const record = JSON.parse(readFileSync(path, 'utf8')) as {
      identity: { pid: number; startTicks: number }
    }
    const own = record.identity.pid
    try {
      // The strongest plant: pid and start time are the stranger's own; only nonce and user tell.
      const stat = readFileSync(`/proc/${stranger.pid}/stat`, 'utf8')
        .replace(/^.*\) /, '')
        .split(' ')
      const identity = { ...record.identity, pid: stranger.pid, startTicks: Number(stat[19]) }
      writeFileSync(path, JSON.stringify({ ...record, identity }))
      controller = app.start()
      await until('the API', 5_000, () => app.status().catch(() => undefined))
      await app.scale(3)
      await app.api('POST', `/api/scalability/groups/${app.group}/restart`, {})
      await sleep(3_000)
      assert.equal(stranger.exitCode, null)
      assert.equal(stranger.signalCode, null)
    } finally {
      stranger.kill('SIGKILL')
      // The instance whose record was falsified is nobody's now.
      process.kill(own, 'SIGKILL')
    }
    await app.settled(3)
  })

  test('Ctrl-C drains and stops everything it started', async () => {
    const pid = balancerPid(app)
    const load = runLoad({ target: app.url, profile: [{ seconds: 1, rps: 60 }], seed: 3 })
    await load
    controller.child.kill('SIGINT')
    await until(
      'it to end',
      20_000,
      () => controller.child.exitCode ?? controller.child.signalCode ?? undefined,
    )
    assert.equal(controller.child.exitCode, 0, controller.output())
    assert.deepEqual(app.processes(), [])
    assert.ok(['Z', 'gone'].includes(stateOf(pid)))
  })
})

test('a second Ctrl-C stops at once, requests in flight or not', async () => {
  const app = await TestApplication.create()
  try {
    const script = `require('node:http').createServer(() => {}).listen(process.env.PORT, process.env.HOST)`
    const command = JSON.stringify([process.execPath, '-e', script])
    app.write({
      run: `{ command: ${command}, stop_timeout: 60s }`,
      http: `{ listen: ${app.listenPort}, via: builtin }`,
    })
    const controller = app.start()
    await app.settled(2)
    const never = fetch(app.url).catch(() => 'broken off')
    await sleep(500)
    controller.child.kill('SIGINT')
    await sleep(1_500)
    assert.equal(controller.child.exitCode, null, 'it drains')
    controller.child.kill('SIGINT')
    await until('it to end', 10_000, () => controller.child.exitCode ?? undefined)
    assert.equal(await never, 'broken off')
    assert.deepEqual(app.processes(), [])
  } finally {
    await app.close()
  }
})

describe('starts that go wrong', () => {
  let app: TestApplication
  before(async () => {
    app = await TestApplication.create()
  })
  after(() => app.close())
  const command = (script: string) =>
    `{ command: [${JSON.stringify(process.execPath)}, -e, ${JSON.stringify(script)}], start_timeout: 2s, stop_timeout: 1s }`

  test('an instance that never becomes ready is reported with the last lines of its log', async () => {
    app.write({
      run: command("console.log('no database: \\u001b[2Jgiving up'); setInterval(() => {}, 1000)"),
    })
    const controller = app.start()
    const view = await until('the report', 15_000, async () => {
      const now = await app.view().catch(() => undefined)
      return now?.failures === null ? undefined : now
    })
    const why = /never became ready .*nothing listens on port.*it last said: no database: giving up/
    assert.match(view.failures?.reason ?? '', why)
    const logs = await until('a log', 10_000, async () => {
      const { stdout } = await app.run(['logs', app.group])
      return stdout.includes('no database') ? stdout : undefined
    })
    assert.ok(!logs.includes('\u001b'))
    const reasons = (await app.run(['explain', app.group, '--last', '20'])).stdout
    assert.match(reasons, /never became ready/)
    controller.child.kill('SIGINT')
    await until('it to end', 20_000, () => controller.child.exitCode ?? undefined)
    assert.deepEqual(app.processes(), [])
  })

  test('one that dies says why, in explain too', async () => {
    app.write({ run: command("console.error('cannot find module shop'); process.exit(3)") })
    const controller = app.start()
    await until('the report', 15_000, async () => {
      const { stdout } = await app.run(['explain', app.group, '--last', '5'])
      return (
        /exited with code 3 before it was ready; it last said: .*cannot find module shop/.test(
          stdout,
        ) || undefined
      )
    })
    controller.child.kill('SIGINT')
    await until('it to end', 20_000, () => controller.child.exitCode ?? undefined)
  })

  test('a port in use changes nothing', async () => {
    const server = createServer().listen(app.listenPort, '127.0.0.1')
    try {
      app.write()
      const { code, stderr } = await app.run(['up', '--detach'])
      assert.equal(code, 1)
      assert.match(stderr, /E_PORT_IN_USE.*in use\n.*Choose another port/s)
      assert.deepEqual(app.processes(), [])
    } finally {
      server.close()
    }
  })

  test('a stranger on the port of an instance is given no traffic', async () => {
    // The instance listens elsewhere; a child of somebody else holds its port.
    const script = `
      const { spawn } = require('node:child_process')
      const stranger = spawn(process.execPath, ['-e', "require('node:http').createServer((q, s) => s.end('stranger')).listen(" + process.env.PORT + ", '127.0.0.1')"], { detached: true, stdio: 'ignore', env: {} })
      process.on('exit', () => stranger.kill('SIGKILL'))
      process.on('SIGTERM', () => process.exit(0))
      setInterval(() => {}, 1000)`
    app.write({
      run: command(script),
      http: `{ listen: "127.0.0.1:${app.listenPort}", queue_timeout: 500ms, via: builtin }`,
    })
    const controller = app.start()
    const detail = await until('the finding', 15_000, async () => {
      const view = await app.view().catch(() => undefined)
      return view?.instances.find((i) => i.detail?.includes('is held by a process'))?.detail
    })
    assert.match(detail, /not this instance/)
    const answer = await fetch(app.url)
    assert.equal(answer.status, 503)
    assert.equal(answer.headers.get('retry-after'), '1')
    controller.child.kill('SIGINT')
    await until('it to end', 20_000, () => controller.child.exitCode ?? undefined)
  })
})

// A process that ended may wait for its parent to take note of it.
function stateOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/stat`, 'utf8')
      .replace(/^.*\) /, '')
      .charAt(0)
  } catch {
    return 'gone'
  }
}

function balancerPid(app: TestApplication): number {
  const path = join(app.state, 'balancer.process.json')
  const { pid } = JSON.parse(readFileSync(path, 'utf8')) as { pid: number }
  return pid
}
