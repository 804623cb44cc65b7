// Conformance: the balancer's process: adoption, sudden death, ports in use, news.
import { strict as assert } from 'node:assert'
import { createServer } from 'node:net'
import { test } from 'node:test'
import type { BalancerGroup } from '../../core/ports.ts'
import { freePort, NEVER, type Stage, until } from './stage.ts'
import { send, underLoad } from './test-client.ts'
import { type Needs, testWhere } from './traits.ts'

/** Start, adoption, restart, faults, news. */
export function controlTests(stage: () => Stage, needs: Needs): void {
  test('a second start adopts the process, and letting go leaves it serving', async () => {
    const [only] = await stage().instances(1)
    assert.ok(only)
    await stage().serve([only.target()])
    const before = await stage().balancer.observe(NEVER)
    const another = stage().subject.another()
    assert.equal(await another.start(NEVER), undefined)
    const after = await another.observe(NEVER)
    assert.ok(before.kind === 'up' && after.kind === 'up')
    assert.equal(after.startId, before.startId)
    await another.close()
    assert.equal((await send(stage().port, '/echo')).status, 200)
  })

  test('a killed process comes back with the same targets', async () => {
    const [only] = await stage().instances(1)
    assert.ok(only)
    await stage().serve([only.target()])
    const before = await stage().balancer.observe(NEVER)
    let told = 0
    stage().balancer.onChange(() => {
      told += 1
    })
    await stage().subject.kill()
    await until('the death is told', () => told > 0, 5_000)
    assert.equal((await stage().balancer.observe(NEVER)).kind, 'down')
    assert.equal(await stage().balancer.start(NEVER), undefined)
    assert.equal((await send(stage().port, '/echo')).status, 200)
    const after = await stage().balancer.observe(NEVER)
    assert.ok(before.kind === 'up' && after.kind === 'up')
    assert.notEqual(after.startId, before.startId)
  })

  test('starts at the same time leave one process', async () => {
    await stage().subject.kill()
    const others = [stage().subject.another(), stage().subject.another()]
    const faults = await Promise.all(
      [stage().balancer, ...others].map((balancer) => balancer.start(NEVER)),
    )
    assert.deepEqual(faults, [undefined, undefined, undefined])
    const ids = new Set<string>()
    for (const balancer of [stage().balancer, ...others]) {
      const status = await balancer.observe(NEVER)
      ids.add(status.kind === 'up' ? status.startId : status.fault.message)
    }
    assert.equal(ids.size, 1)
    for (const other of others) await other.close()
  })

  test('a port in use is a fault, and other groups are served', async () => {
    const [only] = await stage().instances(1)
    assert.ok(only)
    await stage().serve([only.target()])
    const port = await freePort()
    const squatter = createServer().listen(port, '127.0.0.1')
    const group = (name: string, at: number): BalancerGroup => ({
      group: name,
      listen: { host: '127.0.0.1', port: at },
      balance: 'round_robin',
      maxInFlight: 10,
      queueTimeoutMs: 1_000,
      maxBodyBytes: 1_000,
      timeoutMs: 1_000,
      trustForwarded: false,
      targets: [only.target()],
    })
    const groups = [group('taken', port), group('web', stage().port)]
    const fault = await stage().balancer.configure(groups, NEVER)
    squatter.close()
    assert.equal(fault?.code, 'E_PORT_IN_USE')
    assert.match(fault?.message ?? '', new RegExp(String(port)))
    assert.equal((await send(stage().port, '/echo')).status, 200)
  })

  test('repeating a configuration under load changes nothing', async () => {
    const [only] = await stage().instances(1)
    assert.ok(only)
    await stage().serve([only.target()])
    const load = await underLoad(stage().port, 4, async () => {
      for (let n = 0; n < 20; n += 1) await stage().serve([only.target()])
    })
    assert.deepEqual(load.failures, [])
  })

  testWhere(needs('active health'), 'news of health and drain are told', async () => {
    const [sick, leaving] = await stage().instances(2)
    assert.ok(sick && leaving)
    await stage().serve([sick.target(), leaving.target()])
    let told = 0
    stage().balancer.onChange(() => {
      told += 1
    })
    await sick.die()
    await until('the sick one is told', () => told > 0)
    const slow = send(stage().port, '/echo?ms=800')
    await until('it has the request', () => leaving.requests === 1)
    await stage().serve([sick.target(), leaving.target('draining')])
    const before = told
    await slow
    await until('the idle one is told', () => told > before)
  })
}
