// Static members: served beside targets, checked from outside, and reported by their address.
import { strict as assert } from 'node:assert'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Balancer } from '../../src/core/ports.ts'
import { NEVER, Stage, until } from '../../src/testing/balancer/stage.ts'
import { echoOf, send, underLoad } from '../../src/testing/balancer/test-client.ts'
import { Attached } from './nginx-attached.ts'
import { createSubject, missing } from './nginx-subject.ts'

interface Home {
  readonly balancer: Balancer
  readonly stage: Stage
  dispose(): Promise<void>
}

const HOMES: Readonly<Record<string, () => Promise<Home>>> = {
  'of its own': async () => {
    const subject = createSubject('direct')
    return {
      balancer: subject.balancer,
      stage: new Stage(subject),
      dispose: () => subject.dispose(),
    }
  },
  attached: () => Attached.create(),
}

for (const [name, create] of Object.entries(HOMES)) {
  test(`static members of an nginx ${name}`, { skip: missing }, async () => {
    const home = await create()
    const { stage, balancer } = home
    try {
      assert.equal(await balancer.start(NEVER), undefined)
      const [managed, outside, other] = await stage.instances(3)
      assert.ok(managed && outside && other)
      const members = [outside, other].map((one) => {
        const { host, port } = one.target()
        return { host, port }
      })
      await stage.serve([managed.target()], { members })
      const served = async () => {
        const answers = await Promise.all(
          Array.from({ length: 12 }, () => send(stage.port, '/echo')),
        )
        return [...new Set(answers.map((got) => echoOf(got).instance))].sort()
      }
      assert.deepEqual(await served(), ['web-1', 'web-2', 'web-3'])
      const address = `127.0.0.1:${outside.target().port}`
      const health = async () => {
        const status = await balancer.observe(NEVER)
        const targets = status.kind === 'up' ? (status.groups[0]?.targets ?? []) : []
        assert.deepEqual(
          targets.map(({ instance }) => instance),
          ['web-1', ...members.map(({ port }) => `127.0.0.1:${port}`)],
        )
        return targets.find(({ instance }) => instance === address)?.health
      }
      assert.equal(await health(), 'healthy')
      outside.hung = true
      await until('it is ill', async () => (await health()) === 'unhealthy')
      const before = outside.requests
      const load = await underLoad(stage.port, 3, () => sleep(300))
      assert.deepEqual(load.failures, [])
      assert.equal(outside.requests, before)
      outside.hung = false
      await until('it is well', async () => (await health()) === 'healthy')
      await until('it serves again', async () => (await served()).includes('web-2'))
      // Instances come and go beside them; a member goes when the file no longer names it.
      await stage.serve([], { members })
      assert.deepEqual(await served(), ['web-2', 'web-3'])
      await stage.serve([managed.target()], { members: members.slice(1) })
      assert.deepEqual(await served(), ['web-1', 'web-3'])
    } finally {
      await stage.clear()
      await home.dispose()
    }
  })
}
