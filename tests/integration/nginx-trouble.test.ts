// Trouble that good requests must not feel: poison, hung instances, strangers, killed masters and
// workers, a controller that is gone.
import { strict as assert } from 'node:assert'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { join } from 'node:path'
import { after, afterEach, before, describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { findProcesses, isRunning, signal } from '../../src/adapters/nginx/process.ts'
import { NEVER, Stage, until } from '../../src/testing/balancer/stage.ts'
import { send, underLoad } from '../../src/testing/balancer/test-client.ts'
import { createSubject, missing, type NginxSubject } from './nginx-subject.ts'

for (const reach of ['direct', 'forwarded', 'unix'] as const) {
  describe(`nginx in trouble, instances on ${reach}`, { skip: missing }, () => {
    let subject: NginxSubject
    let stage: Stage
    before(async () => {
      subject = createSubject(reach)
      stage = new Stage(subject)
      assert.equal(await subject.balancer.start(NEVER), undefined)
    })
    afterEach(() => stage.clear())
    after(() => subject.dispose())
    const serving = async (count: number) => {
      const instances = await stage.instances(count)
      await stage.serve(instances.map((instance) => instance.target()))
      return instances
    }

    test('requests that break every instance do not break the good ones', async () => {
      await serving(4)
      const answers = new Set<number>()
      const load = await underLoad(stage.port, 4, async () => {
        for (let n = 0; n < 100; n += 1) {
          const method = n % 2 ? 'POST' : 'GET'
          const got = await send(stage.port, '/reset', { method, body: 'x' })
          answers.add(got.status)
        }
      })
      assert.deepEqual([...answers], [502])
      assert.deepEqual(load.failures, [])
      assert.ok(load.requests > 20, `${load.requests}`)
    })

    test('requests that are too slow do not harm the good ones', async () => {
      const instances = await stage.instances(3)
      const targets = instances.map((instance) => instance.target())
      await stage.serve(targets, { timeoutMs: 400 })
      const answers = new Set<number>()
      const load = await underLoad(stage.port, 4, async () => {
        const slow = Array.from({ length: 20 }, () => send(stage.port, '/never'))
        for (const got of await Promise.all(slow)) answers.add(got.status)
      })
      assert.deepEqual([...answers], [504])
      assert.deepEqual(load.failures, [])
    })

    test('nothing reaches a stranger on the port of an instance that is gone', async () => {
      const [staying, leaving] = await serving(2)
      assert.ok(staying && leaving)
      const target = leaving.target()
      await stage.serve([staying.target(), leaving.target('draining')])
      await until('it is drained', async () => (await stage.target(leaving)).inFlight === 0)
      await stage.serve([staying.target()])
      await leaving.die()
      let strange = 0
      const stranger = createServer((_, response) => {
        strange += 1
        response.end('a stranger')
      })
      if (target.socket) stranger.listen(target.socket)
      else stranger.listen(target.port, '127.0.0.1')
      await once(stranger, 'listening')
      const load = await underLoad(stage.port, 4, () => sleep(500))
      stranger.close()
      stranger.closeAllConnections()
      assert.deepEqual(load.failures, [])
      assert.equal(strange, 0)
    })

    test('a killed master costs nothing: its workers serve until the new ones do', async () => {
      await serving(2)
      const { prefix } = subject
      let sent = 0
      const failures: string[] = []
      let over = false
      const users = Array.from({ length: 4 }, async () => {
        while (!over) {
          sent += 1
          const got = await send(stage.port, '/echo?ms=2', { method: sent % 2 ? 'POST' : 'GET' })
          if (got.status !== 200) failures.push(`${got.status} ${got.body}`)
        }
      })
      for (let round = 0; round < 3; round += 1) {
        const before = findProcesses(prefix)
        await subject.kill()
        await sleep(100)
        assert.equal(findProcesses(prefix).leftovers.length, before.workers.length)
        assert.equal(await stage.balancer.start(NEVER), undefined)
        await sleep(100)
      }
      over = true
      await Promise.all(users)
      assert.deepEqual(failures, [])
      assert.ok(sent > 200, `${sent}`)
      await until('the old workers are gone', () => findProcesses(prefix).leftovers.length === 0)
    })

    test('a killed worker is replaced, and nothing else happens', async () => {
      await serving(2)
      const { workers } = findProcesses(subject.prefix)
      for (const worker of workers) {
        assert.ok(signal(worker, 'SIGKILL'))
        await until('it is dead', () => !isRunning(worker))
        for (let n = 0; n < 10; n += 1) {
          assert.equal((await send(stage.port, '/echo')).status, 200)
        }
      }
      await until('all are back', () => {
        return findProcesses(subject.prefix).workers.length === workers.length
      })
    })

    test('without a controller everything serves, and the error log stays empty', async () => {
      const [dead, ...others] = await serving(3)
      assert.ok(dead && others.length === 2)
      const log = join(subject.prefix, 'logs', 'error.log')
      const size = readFileSync(log).length
      await stage.balancer.close()
      await dead.die()
      const load = await underLoad(stage.port, 4, () => sleep(500))
      assert.deepEqual(load.failures, [])
      assert.ok(load.requests > 100)
      assert.equal(readFileSync(log, 'utf8').slice(size), '')
    })
  })
}

describe('nginx and a process that is stopped', { skip: missing }, () => {
  const SERVER = `require('node:http').createServer((q, r) => r.end(String(process.pid)))
    .listen(0, '127.0.0.1', function () { console.log(this.address().port) })`
  const start = async () => {
    const child = spawn(process.execPath, ['-e', SERVER], { stdio: ['ignore', 'pipe', 'inherit'] })
    const [line] = (await once(child.stdout, 'data')) as [Buffer]
    return { child, port: Number(line.toString()) }
  }

  test('a stopped process gets no requests, and those it has are answered', async () => {
    const subject = createSubject('direct')
    const stage = new Stage(subject)
    const children: ChildProcess[] = []
    try {
      assert.equal(await subject.balancer.start(NEVER), undefined)
      const targets = []
      for (const instance of ['web-1', 'web-2']) {
        const { child, port } = await start()
        children.push(child)
        targets.push({ instance, host: '127.0.0.1', port, state: 'active' } as const)
      }
      await stage.serve(targets, { health: '/', timeoutMs: 30_000 })
      const [stopped] = children
      stopped?.kill('SIGSTOP')
      const early = Array.from({ length: 6 }, () => send(stage.port, '/', { method: 'POST' }))
      await until('one is unhealthy', async () => {
        const status = await stage.balancer.observe(NEVER)
        const all = status.kind === 'up' ? (status.groups[0]?.targets ?? []) : []
        return all.some((target) => target.health === 'unhealthy')
      })
      for (let n = 0; n < 20; n += 1) {
        assert.equal((await send(stage.port, '/')).body, String(children[1]?.pid))
      }
      stopped?.kill('SIGCONT')
      for (const got of await Promise.all(early)) assert.equal(got.status, 200)
    } finally {
      for (const child of children) child.kill('SIGKILL')
      await subject.dispose()
    }
  })
})
