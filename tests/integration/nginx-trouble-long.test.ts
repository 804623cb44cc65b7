// Trouble that lasts, and that good requests must not feel: poison among them, hung processes, a
// full disk.
import { strict as assert } from 'node:assert'
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { Agent, createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, afterEach, before, describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import type { BalancerTarget } from '../../src/core/ports.ts'
import { NEVER, Stage, until } from '../../src/testing/balancer/stage.ts'
import { echoOf, send, underLoad } from '../../src/testing/balancer/test-client.ts'
import { createSubject, missing, type NginxSubject } from './nginx-subject.ts'

const USERS = 8

/** What came of good requests with bad ones among them. */
interface Mixed {
  readonly failures: readonly string[]
  /** Statuses of the bad ones. */
  readonly bad: ReadonlySet<number>
}

/** Sends requests over kept connections, half of them POST; each 100th is a bad one. */
async function mixed(port: number, total: number, bad: string): Promise<Mixed> {
  const agent = new Agent({ keepAlive: true, maxSockets: USERS * 2 })
  const failures: string[] = []
  const statuses = new Set<number>()
  const waiting: Promise<unknown>[] = []
  let sent = 0
  const user = async () => {
    while (sent < total) {
      sent += 1
      const body = sent % 2 ? `body ${sent}` : ''
      const method = body ? 'POST' : 'GET'
      if (sent % 100 === 0) {
        // Nobody waits for the bad ones: they must not slow the others down.
        const poison = { method: sent % 200 ? 'POST' : 'GET', body: 'x' }
        waiting.push(send(port, bad, poison).then((got) => statuses.add(got.status)))
      }
      const got = await send(port, '/echo', { method, body, agent })
      if (got.status !== 200 || echoOf(got).body !== body)
        failures.push(`${got.status} ${got.body}`)
    }
  }
  await Promise.all(Array.from({ length: USERS }, user))
  await Promise.all(waiting)
  agent.destroy()
  return { failures, bad: statuses }
}

for (const reach of ['direct', 'unix'] as const) {
  describe(`nginx in lasting trouble, instances on ${reach}`, { skip: missing }, () => {
    let subject: NginxSubject
    let stage: Stage
    before(async () => {
      subject = createSubject(reach)
      stage = new Stage(subject)
      assert.equal(await subject.balancer.start(NEVER), undefined)
    })
    afterEach(() => stage.clear())
    after(() => subject.dispose())
    const serving = async (count: number, timeoutMs = 10_000) => {
      const instances = await stage.instances(count)
      await stage.serve(
        instances.map((instance) => instance.target()),
        { timeoutMs },
      )
      return instances
    }

    test('a request every two seconds that breaks every instance it meets', async () => {
      await serving(3)
      const answers: number[] = []
      const load = await underLoad(stage.port, 4, async () => {
        for (let n = 0; n < 6; n += 1) {
          const got = await send(stage.port, '/reset', { method: n % 2 ? 'POST' : 'GET' })
          answers.push(got.status)
          await sleep(2_000)
        }
      })
      assert.deepEqual(new Set(answers), new Set([502]))
      assert.deepEqual(load.failures, [])
    })

    test('one request of a hundred breaks every instance it meets', async () => {
      await serving(3)
      const { failures, bad } = await mixed(stage.port, 3_000, '/reset')
      assert.deepEqual([...bad], [502])
      assert.deepEqual(failures, [])
    })

    test('one request of a hundred takes longer than is waited for', async () => {
      await serving(3, 1_500)
      const { failures, bad } = await mixed(stage.port, 3_000, '/never')
      assert.deepEqual([...bad], [504])
      assert.deepEqual(failures, [])
    })

    test('nothing reaches a stranger on a port that is free for an instance', async () => {
      let strange = 0
      const stranger = createServer((_, response) => {
        strange += 1
        response.end('a stranger')
      }).listen(0, '127.0.0.1')
      await once(stranger, 'listening')
      const { port } = stranger.address() as AddressInfo
      const instances = await stage.instances(2)
      const targets = instances.map((instance) => instance.target())
      try {
        await stage.serve(targets.slice(0, 1), {
          ports: [port, ...targets.flatMap((target) => (target.socket ? [] : target.port))],
        })
        const load = await underLoad(stage.port, 4, async () => {
          for (const count of [2, 1, 2, 1]) {
            const before = instances[0]?.requests ?? 0
            await stage.serve(targets.slice(0, count))
            await until('it serves', () => (instances[0]?.requests ?? 0) > before + 50)
          }
        })
        assert.deepEqual(load.failures, [])
        assert.equal(strange, 0)
      } finally {
        stranger.closeAllConnections()
        stranger.close()
      }
    })
  })

  test(`a full disk, instances on ${reach}`, { skip: missing }, async (t) => {
    const disk = mkdtempSync(join(tmpdir(), 'plimsoll-disk-'))
    const isMounted =
      spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=4m', 'tmpfs', disk]).status === 0
    t.after(() => {
      if (isMounted) spawnSync('umount', [disk])
      rmSync(disk, { recursive: true })
    })
    const stateDir = join(disk, 'state')
    mkdirSync(stateDir)
    const log = join(stateDir, 'nginx', 'logs', 'error.log')
    const subject = createSubject(reach, stateDir)
    const stage = new Stage(subject)
    try {
      // Where nothing can be mounted, these files alone are where nothing can be written.
      if (!isMounted) symlinkSync('/dev/full', log)
      assert.equal(await subject.balancer.start(NEVER), undefined)
      const instances = await stage.instances(3)
      const [first, second, third] = instances.map((instance) => instance.target())
      assert.ok(first && second && third)
      await stage.serve([first, second])
      if (isMounted) fill(disk)
      else symlinkSync('/dev/full', join(subject.prefix, 'state.json.new'))
      const load = await underLoad(stage.port, 4, async () => {
        const serves = (n: number, count = 20) => {
          const begun = instances[n]?.requests ?? 0
          return until(`${n} serves`, () => (instances[n]?.requests ?? 0) >= begun + count)
        }
        await serves(0)
        await stage.serve([first, second, third])
        await serves(2)
        await stage.serve([{ ...first, state: 'draining' }, second, third])
        await until('it is drained', async () => {
          return (await stage.target(instances[0] as never)).inFlight === 0
        })
        const before = instances[0]?.requests
        await stage.serve([second, third])
        await serves(1)
        await serves(2)
        assert.equal(instances[0]?.requests, before)
      })
      assert.deepEqual(load.failures, [])
      // What was to be written was not: the disk has really been full.
      const kept = readFileSync(join(subject.prefix, 'state.json'), 'utf8')
      assert.ok(!kept.includes(third.instance), kept)
    } finally {
      await stage.clear()
      await subject.dispose()
    }
  })

  test(`a stopped process, on ${reach}`, { skip: missing }, async (t) => {
    const subject = createSubject(reach)
    const stage = new Stage(subject)
    const children: ChildProcess[] = []
    try {
      assert.equal(await subject.balancer.start(NEVER), undefined)
      const targets: BalancerTarget[] = []
      for (const n of [1, 2, 3]) {
        const { child, port } = await listening(subject.sockets && join(subject.sockets, `${n}`))
        children.push(child)
        const at = subject.sockets ? { socket: join(subject.sockets, `${n}`) } : {}
        targets.push({ instance: `web-${n}`, host: '127.0.0.1', port, ...at, state: 'active' })
      }
      await stage.serve(targets, { health: '/', timeoutMs: 60_000, maxInFlight: 500 })
      const [stopped] = children
      const answered: string[] = []
      const failures: string[] = []
      const sent: Promise<void>[] = []
      // They come whether or not earlier ones were answered.
      const users = setInterval(() => {
        const method = sent.length % 2 ? 'POST' : 'GET'
        const answer = send(stage.port, '/', { method }).then((got) => {
          if (got.status === 200) answered.push(got.body)
          else failures.push(`${got.status} ${got.body}`)
        })
        sent.push(answer)
      }, 15)
      t.after(() => clearInterval(users))
      await until('it serves', () => answered.includes(String(stopped?.pid)))
      stopped?.kill('SIGSTOP')
      await until('it is unhealthy', async () => {
        const status = await stage.balancer.observe(NEVER)
        const all = status.kind === 'up' ? (status.groups[0]?.targets ?? []) : []
        return all.some((target) => target.health === 'unhealthy')
      })
      const begun = answered.length
      await until('the others serve', () => answered.length > begun + 200)
      assert.ok(!answered.slice(begun).includes(String(stopped?.pid)))
      stopped?.kill('SIGCONT')
      await until('it is back', () => answered.slice(begun).includes(String(stopped?.pid)))
      clearInterval(users)
      await Promise.all(sent)
      assert.deepEqual(failures, [])
    } finally {
      for (const child of children) child.kill('SIGKILL')
      await subject.dispose()
    }
  })
}

/**
 * A server in a process of its own, on a Unix socket or on a free port. Once it goes on, it must
 * not close connections for having been idle: a request may have come while it stood still.
 */
async function listening(socket: string | undefined) {
  const server = `const at = process.argv[1] ?? { port: 0, host: '127.0.0.1' }
    process.umask(0)
    const options = { keepAliveTimeout: 60_000 }
    require('node:http').createServer(options, (q, r) => r.end(String(process.pid)))
      .listen(at, function () { console.log(this.address().port ?? 1) })`
  const argv = ['-e', server, ...(socket ? [socket] : [])]
  const child = spawn(process.execPath, argv, { stdio: ['ignore', 'pipe', 'inherit'] })
  const [line] = (await once(child.stdout, 'data')) as [Buffer]
  return { child, port: Number(line.toString()) }
}

function fill(folder: string): void {
  for (let size = 1 << 20, n = 0; size >= 1; n += 1) {
    try {
      writeFileSync(join(folder, `fill-${n}`), Buffer.alloc(size))
    } catch {
      // No room for so much: less may still fit.
      size = Math.floor(size / 16)
    }
  }
}
