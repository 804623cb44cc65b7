// Conformance: how requests are spread, and how instances come and go without a failed request.
import { strict as assert } from 'node:assert'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Stage, until } from './stage.ts'
import { echoOf, send, underLoad } from './test-client.ts'
import { type Needs, testWhere } from './traits.ts'

/** Balance methods, admission, drain, waiting room. */
export function rotationTests(stage: () => Stage, needs: Needs): void {
  test('round robin gives each instance its turn', async () => {
    const instances = await stage().instances(3)
    await stage().serve(instances.map((instance) => instance.target()))
    for (let n = 0; n < 30; n += 1) await send(stage().port, '/echo')
    assert.deepEqual(
      instances.map((instance) => instance.requests),
      [10, 10, 10],
    )
  })

  test('least connections avoids the busy instances, and spreads ties', async () => {
    const instances = await stage().instances(4)
    const targets = instances.map((instance) => instance.target())
    await stage().serve(targets, { balance: 'least_connections' })
    const slow = [1, 2].map(() => send(stage().port, '/echo?ms=1500'))
    const busy = () => instances.filter(({ requests }) => requests > 0)
    await until('two are busy', () => busy().length === 2)
    const others = instances.filter((instance) => !busy().includes(instance))
    for (let n = 0; n < 20; n += 1) await send(stage().port, '/echo')
    const counts = others.map(({ requests }) => requests)
    assert.equal(
      counts.reduce((sum, count) => sum + count, 0),
      20,
    )
    for (const count of counts) assert.ok(count >= 5, `${counts}`)
    for (const got of await Promise.all(slow)) assert.equal(got.status, 200)
  })

  testWhere(
    needs('counts across changes'),
    'what was in flight before a change still counts for least connections',
    async () => {
      const [busy, ...others] = await stage().instances(3)
      assert.ok(busy)
      await stage().serve([busy.target()], { balance: 'least_connections' })
      const slow = [1, 2, 3].map(() => send(stage().port, '/echo?ms=1500'))
      await until('the busy one is busy', () => busy.requests === 3)
      await stage().serve([busy, ...others].map((instance) => instance.target()))
      for (let n = 0; n < 20; n += 1) await send(stage().port, '/echo')
      assert.equal(busy.requests, 3)
      for (const other of others) assert.ok(other.requests >= 5, `${other.name}: ${other.requests}`)
      for (const got of await Promise.all(slow)) assert.equal(got.status, 200)
    },
  )

  test('instances are admitted and drained under load without a failure', async () => {
    const [first, second, third] = await stage().instances(3)
    assert.ok(first && second && third)
    await stage().serve([first.target()])
    const load = await underLoad(stage().port, 12, async () => {
      for (let round = 0; round < 3; round += 1) {
        await sleep(150)
        await stage().serve([first.target(), second.target(), third.target()])
        await sleep(150)
        await stage().serve([first.target(), second.target('draining'), third.target()])
        await sleep(150)
        await stage().serve([first.target(), third.target()])
      }
      await second.die()
      await sleep(100)
    })
    assert.deepEqual(load.failures, [])
    assert.ok(load.requests > 200 && second.requests > 10, `${load.requests} ${second.requests}`)
  })

  testWhere(
    needs('in flight per target'),
    'a draining instance keeps what it has and gets nothing new',
    async () => {
      const [leaving, staying] = await stage().instances(2)
      assert.ok(leaving && staying)
      await stage().serve([leaving.target()])
      const slow = send(stage().port, '/echo?ms=1000', { method: 'POST', body: 'kept' })
      await until('it has the request', () => leaving.requests === 1)
      await stage().serve([leaving.target('draining'), staying.target()])
      assert.equal((await stage().target(leaving)).inFlight, 1)
      assert.equal((await stage().target(leaving)).state, 'draining')
      for (let n = 0; n < 10; n += 1) {
        assert.equal(echoOf(await send(stage().port, '/echo')).instance, staying.name)
      }
      assert.equal(echoOf(await slow).body, 'kept')
      await until('it is idle', async () => (await stage().target(leaving)).inFlight === 0)
    },
  )

  test('a removed instance finishes what it has', async () => {
    const [leaving, staying] = await stage().instances(2)
    assert.ok(leaving && staying)
    await stage().serve([leaving.target()])
    const slow = send(stage().port, '/echo?ms=700')
    await until('it has the request', () => leaving.requests === 1)
    await stage().serve([staying.target()])
    assert.equal(echoOf(await slow).instance, leaving.name)
  })

  testWhere(needs('waiting room'), 'requests wait for room, in order', async () => {
    const [only] = await stage().instances(1)
    assert.ok(only)
    await stage().serve([only.target()], { maxInFlight: 1 })
    const done: number[] = []
    const all = [1, 2, 3, 4].map(async (n) => {
      await sleep(n * 60)
      const got = await send(stage().port, '/echo?ms=300', { method: 'POST', body: `${n}` })
      assert.equal(echoOf(got).body, `${n}`)
      done.push(n)
    })
    await until('others wait', async () => (await stage().counters()).waiting === 3)
    await Promise.all(all)
    assert.deepEqual(done, [1, 2, 3, 4])
  })

  testWhere(
    needs('waiting room'),
    'a waiting request goes to an instance that appears',
    async () => {
      const [late] = await stage().instances(1)
      assert.ok(late)
      await stage().serve([])
      const waiting = send(stage().port, '/echo', { method: 'POST', body: 'patient' })
      await until('it waits', async () => (await stage().counters()).waiting === 1)
      await stage().serve([late.target()])
      assert.equal(echoOf(await waiting).body, 'patient')
    },
  )

  testWhere(
    needs('waiting room'),
    'who waits too long is shed with 503 and Retry-After',
    async () => {
      await stage().serve([], { queueTimeoutMs: 200 })
      const got = await send(stage().port, '/echo', { method: 'POST', body: 'x' })
      assert.equal(got.status, 503)
      assert.equal(got.headers['retry-after'], '1')
      assert.match(got.body, /no instance had room within 0\.2 s/)
      const { shed, server, inFlight } = await stage().counters()
      assert.deepEqual({ shed, server, inFlight }, { shed: 1, server: 0, inFlight: 0 })
    },
  )

  testWhere(needs('waiting room'), 'a client that leaves frees its place', async () => {
    const [only] = await stage().instances(1)
    assert.ok(only)
    await stage().serve([only.target()], {
      maxInFlight: 1,
      queueTimeoutMs: 120_000,
      timeoutMs: 120_000,
    })
    const stuck = new AbortController()
    const waits = new AbortController()
    const first = send(stage().port, '/never', { signal: stuck.signal })
    await until('it has the request', () => only.requests === 1)
    const second = send(stage().port, '/never', { signal: waits.signal })
    await until('one waits', async () => (await stage().counters()).waiting === 1)
    waits.abort()
    await until('nobody waits', async () => (await stage().counters()).waiting === 0)
    stuck.abort()
    await until('it is idle', async () => (await stage().target(only)).inFlight === 0)
    assert.equal((await send(stage().port, '/echo')).status, 200)
    assert.deepEqual([(await first).status, (await second).status, only.requests], [0, 0, 2])
    assert.equal((await stage().counters()).badGateway, 0)
  })
}
