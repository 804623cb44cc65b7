// From the file to the end through the command line: an application beside the sites of an
// installation that is not ours.
import { strict as assert } from 'node:assert'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, beforeEach, describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { findProcesses } from '../../src/adapters/nginx/process.ts'
import { TestApplication, until } from './application.ts'
import { done, failedWith, type Json, nothingIsLeft } from './command-line.ts'
import { Distribution } from './nginx-distribution.ts'
import { missing } from './nginx-subject.ts'
import { Visitors } from './nginx-visitors.ts'

const EVENTS = 50

describe('an application attached by its file', { skip: missing }, () => {
  let app: TestApplication
  let distribution: Distribution
  let isOver = false
  const around: Visitors[] = []
  const outside = createServer((_, response) => response.end('{"instance":"outside"}'))
  beforeEach(async () => {
    isOver = false
    app = await TestApplication.create()
    distribution = await Distribution.create()
    await distribution.start()
    await once(outside.listen(0, '127.0.0.1'), 'listening')
  })
  afterEach(async () => {
    isOver = true
    for (const some of around.splice(0)) await some.leave()
    await app.close()
    await distribution.dispose()
    outside.closeAllConnections()
    outside.close()
  })

  const write = (more = '') => {
    const member = `127.0.0.1:${(outside.address() as AddressInfo).port}`
    const via = `via: { nginx: { attach: ${distribution.confD} } }`
    const listen = `listen: "127.0.0.1:${app.listenPort}", health: /healthz`
    app.write({
      http: `{ ${listen}, ${via}, members: ["${member}"]${more} }`,
      scaling: '{ min_instances: 1, max_instances: 4, settle: 10s }',
    })
  }
  const workers = () => findProcesses(distribution.folder).workers.map(({ pid }) => pid)
  const visitors = () => {
    const { plainPort, tlsPort } = distribution
    const both = [
      new Visitors({ port: plainPort, answer: 'plain\n' }, 2),
      new Visitors({ port: tlsPort, isTls: true, answer: 'secure\n' }, 2),
    ]
    around.push(...both)
    return both
  }

  test(`up, ${EVENTS} scale events beside a static member, down: nobody is harmed`, async (t) => {
    const before = distribution.files()
    const throughout = visitors()
    write()
    const up = await app.run(['up', '--detach'])
    assert.equal(up.code, 0, up.stderr)
    assert.match(up.stdout, /^balancer: nginx attached at .*conf\.d \(the file says via: \{ nginx/m)
    await app.settled(1)
    const pids = workers()
    const meanwhile = visitors()
    const served = new Map<string, number>()
    const failures: string[] = []
    const user = async () => {
      while (!isOver) {
        const got = await fetch(app.url).catch((error: Error) => error)
        if (got instanceof Error || got.status !== 200) {
          failures.push(got instanceof Error ? String(got.cause ?? got) : `${got.status}`)
        } else {
          const { instance } = (await got.json()) as { readonly instance: string }
          served.set(instance, (served.get(instance) ?? 0) + 1)
        }
        await sleep(10)
      }
    }
    const users = [user(), user()]
    for (let event = 0; event < EVENTS; event += 1) {
      const wanted = 1 + ((event * 3 + 2) % 4)
      await app.scale(wanted)
      await until(`${wanted} are ready`, 20_000, async () => {
        return (await app.view()).ready === wanted || undefined
      })
    }
    isOver = true
    await Promise.all(users)
    for (const some of meanwhile) await some.leave()
    assert.deepEqual(workers(), pids, 'a scale event must not reload')
    assert.deepEqual(failures, [])
    assert.ok((served.get('outside') ?? 0) > 20, 'the member has its share')
    assert.ok(served.size > 5, [...served.keys()].join())
    for (const some of meanwhile) assert.deepEqual([some.failures, some.repeated], [[], 0])
    const { balancer } = done(await app.run(['status', '--json']))
    assert.equal((balancer as Json).name, `nginx attached at ${distribution.confD}`)
    assert.deepEqual(done(await app.run(['down', '--json'])), { stopped: true })
    await nothingIsLeft(app)
    for (const some of throughout) await some.leave()
    assert.deepEqual(
      throughout.map((some) => some.failures),
      [[], []],
    )
    assert.deepEqual(distribution.files(), before)
    const all = [...served.values()].reduce((sum, count) => sum + count, 0)
    const theirs = throughout.map((some) => some.requests).join(' and ')
    t.diagnostic(`ours ${all} from ${served.size} instances, theirs ${theirs}: 0 failed`)
  })

  test('an address of theirs is shared by name; without one nothing is begun', async () => {
    const { plainPort } = distribution
    const at = (more: string) => {
      const via = `via: { nginx: { attach: ${distribution.confD} } }`
      const http = `{ listen: "127.0.0.1:${plainPort}", health: /healthz, ${via}${more} }`
      app.write({ http, scaling: '{ min_instances: 1, max_instances: 2 }' })
    }
    at('')
    failedWith(await app.run(['up', '--detach', '--json']), 'E_PORT_IN_USE')
    assert.deepEqual(app.processes(), [])
    at(', hostnames: [localhost]')
    const up = await app.run(['up', '--detach'])
    assert.equal(up.code, 0, up.stderr)
    await app.settled(1)
    const ours = await fetch(`http://localhost:${plainPort}/`)
    assert.equal(typeof ((await ours.json()) as Json).instance, 'string')
    assert.equal(await (await fetch(`http://127.0.0.1:${plainPort}/`)).text(), 'plain\n')
    assert.deepEqual(done(await app.run(['down', '--json'])), { stopped: true })
    assert.equal(await (await fetch(`http://localhost:${plainPort}/`)).text(), 'plain\n')
  })
})
