// Attached to an NGINX of others: what they serve is unharmed, and so is what we do.
import { strict as assert } from 'node:assert'
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { NEVER, until } from '../../src/testing/balancer/stage.ts'
import { echoOf, send, underLoad } from '../../src/testing/balancer/test-client.ts'
import { Attached } from './nginx-attached.ts'
import { missing } from './nginx-subject.ts'
import { Visitors } from './nginx-visitors.ts'

const EVENTS = 50

describe('attached nginx', { skip: missing }, () => {
  let attached: Attached
  const around: Visitors[] = []
  beforeEach(async () => {
    attached = await Attached.create()
  })
  afterEach(async () => {
    for (const some of around.splice(0)) await some.leave()
    await attached.stage.clear()
    await attached.dispose()
  })
  const visitors = () => {
    const { plainPort, tlsPort } = attached.distribution
    const both = [
      new Visitors({ port: plainPort, answer: 'plain\n' }, 4),
      new Visitors({ port: tlsPort, isTls: true, answer: 'secure\n' }, 4),
    ]
    around.push(...both)
    return both
  }
  const start = async () => assert.equal(await attached.balancer.start(NEVER), undefined)

  test(`${EVENTS} scale events, attached before and undone after: nobody is harmed`, async (t) => {
    const { stage, distribution } = attached
    const before = distribution.files()
    const instances = await stage.instances(5)
    const targets = instances.map((instance) => instance.target())
    // All through: who retries as browsers do meets no failure.
    const throughout = visitors()
    await start()
    await stage.serve(targets.slice(0, 2), { maxTargets: 6 })
    const workers = attached.workers
    const meanwhile = visitors()
    const load = await underLoad(stage.port, 6, async () => {
      for (let event = 0; event < EVENTS; event += 1) {
        const count = 1 + ((event * 3) % 5)
        await stage.serve([...targets.slice(event % 5), ...targets].slice(0, count))
        await sleep(50)
      }
    })
    for (const some of meanwhile) await some.leave()
    assert.deepEqual(attached.workers, workers, 'a scale event must not reload')
    assert.deepEqual(load.failures, [])
    assert.ok(load.requests > 150, `${load.requests}`)
    for (const some of meanwhile) {
      assert.deepEqual([some.failures, some.repeated], [[], 0])
      assert.ok(some.requests > 100, `${some.requests}`)
    }
    await attached.balancer.stop(1_000, NEVER)
    assert.notDeepEqual(attached.workers, workers)
    await sleep(300)
    for (const some of throughout) await some.leave()
    assert.deepEqual(
      throughout.map((some) => some.failures),
      [[], []],
    )
    const [plain, secure] = throughout.map((some) => `${some.requests} (${some.repeated} repeated)`)
    t.diagnostic(`ours ${load.requests}, theirs ${plain} and by TLS ${secure}: 0 failed`)
    assert.deepEqual(distribution.files(), before)
    assert.deepEqual(readdirSync(distribution.confD), [])
    assert.equal((await send(stage.port, '/echo')).status, 0)
  })

  test('a server of theirs passes requests on by the name of the upstream', async () => {
    const { stage, distribution } = attached
    const [first, second] = await stage.instances(2)
    assert.ok(first && second)
    await start()
    await stage.serve([first.target()], { trustForwarded: true })
    const site = distribution.path('sites-enabled/shop')
    const { tlsPort } = distribution
    const certificate = distribution.path('tls/certificate.pem')
    writeFileSync(
      site,
      `server {
  listen 127.0.0.1:${tlsPort} ssl; server_name shop.test;
  ssl_certificate ${certificate}; ssl_certificate_key ${distribution.path('tls/key.pem')};
  location / { proxy_pass http://plimsoll_web; proxy_set_header Host $host; }
}`,
    )
    await distribution.reload()
    const shop = { port: tlsPort, isTls: true, host: 'shop.test' }
    const asked = new Visitors({ ...shop, answer: 'never' }, 1)
    await until('it is answered', () => asked.requests > 2)
    await asked.leave()
    const echo = JSON.parse(asked.failures[0] ?? '{}')
    assert.deepEqual([echo.instance, echo.headers.host], ['web-1', 'shop.test'])
    await stage.serve([second.target()], { trustForwarded: true })
    const again = new Visitors({ ...shop, answer: 'never' }, 1)
    await until('it is answered', () => again.requests > 2)
    await again.leave()
    assert.equal(JSON.parse(again.failures[0] ?? '{}').instance, 'web-2')
    // Undone while their server still speaks of it: NGINX must be able to start without us.
    await attached.balancer.stop(0, NEVER)
    assert.equal(distribution.test(), '')
    const [parked] = readdirSync(distribution.confD)
    assert.match(readFileSync(join(distribution.confD, parked ?? ''), 'utf8'), /still passes/)
    rmSync(site)
    await distribution.reload()
    await attached.balancer.stop(0, NEVER)
    assert.deepEqual(readdirSync(distribution.confD), [])
  })

  test('the address of their sites is shared by hostnames', async () => {
    const { stage, distribution } = attached
    const [only] = await stage.instances(1)
    assert.ok(only)
    await start()
    const port = distribution.plainPort
    const group = { listen: { host: '127.0.0.1', port }, hostnames: ['shop.test'] }
    await stage.serve([only.target()], group)
    const ask = (host: string) => send(port, '/echo', { headers: { Host: host } })
    assert.equal(echoOf(await ask('shop.test')).instance, 'web-1')
    for (const host of ['localhost', 'other.test']) assert.equal((await ask(host)).body, 'plain\n')
    const { tlsPort } = distribution
    const bare = { ...base, listen: group.listen, group: 'api' }
    const served = { ...base, ...group, targets: [only.target()] }
    const without = await attached.balancer.configure([served, bare], NEVER)
    assert.equal(without?.code, 'E_PORT_IN_USE')
    assert.equal(echoOf(await ask('shop.test')).instance, 'web-1')
    const nameless = await attached.balancer.configure([{ ...served, hostnames: [] }], NEVER)
    assert.match(nameless?.message ?? '', /served by that NGINX already: give group web hostnames/)
    assert.equal(await attached.balancer.configure([served], NEVER), undefined)
    const tls = {
      certificate: distribution.path('tls/certificate.pem'),
      key: distribution.path('tls/key.pem'),
    }
    const taken = { ...bare, tls, listen: { host: '127.0.0.1', port: tlsPort } }
    const refused = await attached.balancer.configure([served, taken], NEVER)
    assert.match(refused?.message ?? '', /served by that NGINX already: give group api hostnames/)
    const named = { ...taken, hostnames: ['api.test'] }
    const unclear = await attached.balancer.configure([served, named], NEVER)
    assert.match(unclear?.message ?? '', /default_server/)
    const plain = { ...base, listen: taken.listen, group: 'api', hostnames: ['api.test'] }
    const differs = await attached.balancer.configure([served, plain], NEVER)
    assert.match(differs?.message ?? '', /have TLS, group api differs: give it `tls`/)
    const clash = { ...served, hostnames: ['_'] }
    assert.match((await attached.balancer.configure([clash], NEVER))?.message ?? '', /hostname/)
  })

  test('reloads and restarts by their owner change nothing; counters begin anew', async () => {
    const { stage, distribution } = attached
    const [only] = await stage.instances(1)
    assert.ok(only)
    await start()
    await stage.serve([only.target()])
    await distribution.reload()
    assert.equal((await send(stage.port, '/echo')).status, 200)
    const before = await attached.balancer.observe(NEVER)
    await distribution.kill()
    assert.equal((await attached.balancer.observe(NEVER)).kind, 'down')
    const refused = await attached.balancer.start(NEVER)
    assert.equal(refused?.code, 'E_ATTACH')
    assert.match(refused?.message ?? '', /start (it|the one that does)/)
    assert.equal(distribution.master, undefined)
    await distribution.start()
    // Before the controller has looked at all.
    assert.equal((await send(stage.port, '/echo')).status, 200)
    await start()
    const after = await attached.balancer.observe(NEVER)
    assert.ok(before.kind === 'up' && after.kind === 'up')
    assert.notEqual(after.startId, before.startId)
  })

  test('a killed controller leaves everything serving, and its file is adopted', async () => {
    const { stage, distribution } = attached
    const [first, second] = await stage.instances(2)
    assert.ok(first && second)
    await start()
    await stage.serve([first.target()])
    await attached.balancer.close()
    const workers = attached.workers
    const load = await underLoad(stage.port, 2, () => sleep(300))
    assert.deepEqual(load.failures, [])
    // Nobody listens to the access log: that must not fill the log of theirs.
    assert.doesNotMatch(distribution.errorLog, /send\(\) failed/)
    const another = attached.another()
    assert.equal(await another.start(NEVER), undefined)
    const group = { ...base, listen: { host: '127.0.0.1', port: stage.port } }
    const whole = { ...group, health: '/healthz', targets: [first.target(), second.target()] }
    assert.equal(await another.configure([whole], NEVER), undefined)
    assert.deepEqual(attached.workers, workers)
    await until('both serve', async () => {
      return echoOf(await send(stage.port, '/echo')).instance === 'web-2'
    })
    await another.close()
  })

  test('readings are those of our groups alone', async () => {
    const { stage, distribution } = attached
    const [only] = await stage.instances(1)
    assert.ok(only)
    await start()
    await stage.serve([only.target()])
    const others = visitors()
    await until('the log is listened to', async () => {
      await send(stage.port, '/echo')
      return (await stage.counters()).requests > 0
    })
    const before = await stage.counters()
    for (let n = 0; n < 40; n += 1) await send(stage.port, `/echo?status=${n % 4 ? 200 : 500}`)
    await until('they are counted', async () => {
      const { requests, ok, server, latency } = await stage.counters()
      const each = [requests - before.requests, ok - before.ok, server - before.server]
      const timed = latency.reduce((sum, n) => sum + n, 0) - before.ok - before.server
      return [...each, timed].join() === '40,30,10,40'
    })
    const slow = Array.from({ length: 3 }, () => send(stage.port, '/echo?ms=3000'))
    await until('they are in flight', async () => (await stage.counters()).inFlight === 3)
    for (const got of await Promise.all(slow)) assert.equal(got.status, 200)
    await until('they are done', async () => (await stage.counters()).inFlight === 0)
    for (const some of others) await some.leave()
    assert.ok(others.every((some) => some.requests > 20))
    assert.equal(distribution.test(), '')
  })
})

const base = {
  group: 'web',
  balance: 'round_robin',
  maxInFlight: 50,
  queueTimeoutMs: 5_000,
  maxBodyBytes: 1_000_000,
  timeoutMs: 10_000,
  trustForwarded: false,
  targets: [],
} as const
