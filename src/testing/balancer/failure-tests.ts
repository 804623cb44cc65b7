// Conformance: dead, hung and misbehaving instances, and what may be tried again.
import { strict as assert } from 'node:assert'
import { test } from 'node:test'
import { type Stage, until } from './stage.ts'
import { echoOf, send } from './test-client.ts'
import { type Needs, testWhere } from './traits.ts'

/** What happens when instances fail. */
export function failureTests(stage: () => Stage, needs: Needs): void {
  test('a dead instance costs nobody a request, bodies included', async () => {
    const [dead, alive] = await stage().instances(2)
    assert.ok(dead && alive)
    await stage().serve([dead.target(), alive.target()])
    await dead.die()
    const body = 'b'.repeat(200_000)
    for (let n = 0; n < 6; n += 1) {
      const got = await send(stage().port, '/echo', { method: 'POST', body })
      assert.equal(got.status, 200)
      assert.equal(echoOf(got).body, body)
    }
  })

  testWhere(
    needs('active health'),
    'a dead instance is unhealthy at once, and back once it answers',
    async () => {
      const [dead, alive] = await stage().instances(2)
      assert.ok(dead && alive)
      await stage().serve([dead.target(), alive.target()])
      await dead.die()
      for (let n = 0; n < 4; n += 1) assert.equal((await send(stage().port, '/echo')).status, 200)
      assert.equal((await stage().target(dead)).health, 'unhealthy')
      await dead.listen()
      await until('healthy', async () => (await stage().target(dead)).health === 'healthy')
      const before = dead.requests
      for (let n = 0; n < 4; n += 1) await send(stage().port, '/echo')
      assert.equal(dead.requests - before, 2)
    },
  )

  testWhere(needs('waiting room'), 'with every instance dead a request waits for one', async () => {
    const [only] = await stage().instances(1)
    assert.ok(only)
    await stage().serve([only.target()])
    await only.die()
    const waiting = send(stage().port, '/echo', { method: 'POST', body: 'kept' })
    await until('it waits', async () => (await stage().counters()).waiting === 1)
    await only.listen()
    assert.equal(echoOf(await waiting).body, 'kept')
  })

  test('a POST that the application resets is a 502, sent once', async () => {
    const instances = await stage().instances(2)
    await stage().serve(instances.map((instance) => instance.target()))
    for (let n = 0; n < 10; n += 1) {
      const got = await send(stage().port, '/reset', { method: 'POST', body: 'x' })
      assert.equal(got.status, 502)
    }
    assert.equal(
      instances.reduce((sum, instance) => sum + instance.requests, 0),
      10,
    )
    for (const instance of instances) {
      assert.equal((await stage().target(instance)).health, 'healthy')
    }
    assert.equal((await send(stage().port, '/echo')).status, 200)
  })

  test('a GET that one instance resets is answered by another', async () => {
    const [flaky, good] = await stage().instances(2)
    assert.ok(flaky && good)
    flaky.flaky = true
    await stage().serve([flaky.target(), good.target()])
    for (let n = 0; n < 10; n += 1) {
      const got = await send(stage().port, '/flaky')
      assert.equal(got.status, 200)
      assert.equal(echoOf(got).instance, good.name)
    }
    assert.ok(flaky.requests > 0)
    assert.equal((await stage().target(flaky)).health, 'healthy')
  })

  test('a GET that every instance resets ends with 502 after at most three tries', async () => {
    const instances = await stage().instances(4)
    await stage().serve(instances.map((instance) => instance.target()))
    assert.equal((await send(stage().port, '/reset')).status, 502)
    const tries = instances.reduce((sum, instance) => sum + instance.requests, 0)
    assert.ok(tries <= 3, `${tries} tries`)
  })

  testWhere(
    needs('active health'),
    'a hung instance leaves the rotation, and comes back',
    async () => {
      const [hung, good] = await stage().instances(2)
      assert.ok(hung && good)
      await stage().serve([hung.target(), good.target()])
      hung.hung = true
      await until(
        'unhealthy',
        async () => (await stage().target(hung)).health === 'unhealthy',
        8_000,
      )
      assert.match((await stage().target(hung)).healthReason, /\S/)
      for (let n = 0; n < 6; n += 1) {
        assert.equal(echoOf(await send(stage().port, '/echo')).instance, good.name)
      }
      hung.hung = false
      await until('healthy', async () => (await stage().target(hung)).health === 'healthy')
      const before = hung.requests
      for (let n = 0; n < 6; n += 1) await send(stage().port, '/echo')
      assert.equal(hung.requests - before, 3)
    },
  )

  test("an application's own 5xx answers never eject it", async () => {
    const [only] = await stage().instances(1)
    assert.ok(only)
    await stage().serve([only.target()])
    for (let n = 0; n < 20; n += 1) {
      assert.equal((await send(stage().port, '/echo?status=503')).status, 503)
    }
    assert.equal((await stage().target(only)).health, 'healthy')
    assert.equal((await send(stage().port, '/echo')).status, 200)
  })

  test('a silent instance is a 504', async () => {
    const [only] = await stage().instances(1)
    assert.ok(only)
    await stage().serve([only.target()], { timeoutMs: 300 })
    assert.equal((await send(stage().port, '/never')).status, 504)
    assert.equal((await send(stage().port, '/never', { method: 'POST', body: 'x' })).status, 504)
    assert.equal(only.requests, 2)
  })
}
