// Trouble that good requests must not feel: poison, strangers, killed masters and workers, a
// controller that is gone.
import { strict as assert } from 'node:assert'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { Agent, createServer } from 'node:http'
import { join } from 'node:path'
import { after, afterEach, before, describe, test } from 'node:test'
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
      const served = staying.requests
      const load = await underLoad(stage.port, 4, () => {
        return until('it serves', () => staying.requests > served + 100)
      })
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
      const agent = new Agent({ keepAlive: true })
      const users = Array.from({ length: 8 }, async (_, user) => {
        const how = user % 2 ? { agent } : {}
        while (!over) {
          sent += 1
          const method = sent % 3 ? 'POST' : 'GET'
          const got = await send(stage.port, '/echo?ms=2', { method, ...how })
          if (got.status !== 200) failures.push(`${got.status} ${got.body}`)
        }
      })
      const more = async (count: number) => {
        const begun = sent
        await until('it serves', () => sent >= begun + count)
      }
      for (let round = 0; round < 3; round += 1) {
        const before = findProcesses(prefix)
        await subject.kill()
        await more(30)
        assert.equal(findProcesses(prefix).leftovers.length, before.workers.length)
        assert.equal(await stage.balancer.start(NEVER), undefined)
        await more(30)
      }
      over = true
      await Promise.all(users)
      agent.destroy()
      assert.deepEqual(failures, [])
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
      const load = await underLoad(stage.port, 4, () => {
        return until('they serve', () => others.every((one) => one.requests > 50))
      })
      assert.deepEqual(load.failures, [])
      assert.equal(readFileSync(log, 'utf8').slice(size), '')
    })
  })
}
