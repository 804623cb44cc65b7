// What a group gets in an installation of others.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type AddressInfo, createServer, type Server } from 'node:net'
import { after, before, test } from 'node:test'
import type { BalancerGroup, BalancerTarget } from '../../../core/ports.ts'
import { MOST_ADDRESSES } from '../targets/subsets.ts'
import { hasSlots } from '../written/upstreams.ts'
import { attachedShape, withinOld } from './shape.ts'

const GROUP: BalancerGroup = {
  group: 'web',
  listen: { host: '127.0.0.1', port: 8080 },
  balance: 'round_robin',
  maxInFlight: 10,
  queueTimeoutMs: 1_000,
  maxBodyBytes: 1_000,
  timeoutMs: 1_000,
  trustForwarded: false,
  targets: [],
}
const at = (port: number, socket?: string): BalancerTarget => ({
  ...{ instance: `web-${port}`, host: '127.0.0.1', port, state: 'active' },
  ...(socket === undefined ? {} : { socket }),
})
const names = ({ targets }: BalancerGroup) => targets.map(({ instance }) => instance)

let server: Server
let port: number
/** Nobody listens there any more. */
let silentPort: number
before(async () => {
  server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  port = (server.address() as AddressInfo).port
  const gone = createServer().listen(0, '127.0.0.1')
  await once(gone, 'listening')
  silentPort = (gone.address() as AddressInfo).port
  gone.close()
})
after(() => server.close())

test('either kind of instance is served without a change of what is written', async () => {
  const none = await attachedShape({ ...GROUP, ports: [3000] }, undefined)
  const tcp = await attachedShape({ ...GROUP, ports: [3000], targets: [at(3000)] }, none.state)
  const unix = await attachedShape({ ...GROUP, targets: [at(3000, '/run/a.sock')] }, tcp.state)
  const reaches = [none, tcp, unix].map(({ state }) => state.reach)
  assert.deepEqual(reaches, ['unix', 'direct', 'unix'])
  for (const { state, fault } of [none, tcp, unix]) {
    assert.equal(fault, undefined)
    assert.ok(hasSlots(state))
    assert.deepEqual(state.addresses, ['127.0.0.1:3000'])
  }
})

test('beside static members instances are reached over TCP, or refused', async () => {
  const members = [{ host: '10.0.0.1', port: 80 }]
  const both = at(port, '/run/a.sock')
  const good = await attachedShape({ ...GROUP, members, targets: [both] }, undefined)
  assert.equal(good.fault, undefined)
  assert.equal(good.state.reach, 'direct')
  assert.ok(!hasSlots(good.state))
  assert.deepEqual(good.state.addresses, ['10.0.0.1:80', `127.0.0.1:${port}`])
  assert.ok(good.state.group.targets.every(({ socket }) => socket === undefined))
  const silent = at(silentPort, '/run/b.sock')
  const bad = await attachedShape({ ...GROUP, members, targets: [both, silent] }, good.state)
  assert.match(bad.fault?.message ?? '', /listens on a Unix socket only.*\{port\}/)
  assert.deepEqual(names(bad.state.group), [both.instance, '10.0.0.1:80'])
})

test('of too many addresses as many as possible are served, those before first', async () => {
  const ports = Array.from({ length: MOST_ADDRESSES + 2 }, (_, i) => 3000 + i)
  const old = await attachedShape(
    { ...GROUP, targets: ports.slice(2).map((p) => at(p)) },
    undefined,
  )
  assert.equal(old.fault, undefined)
  const shape = await attachedShape({ ...GROUP, targets: ports.map((p) => at(p)) }, old.state)
  assert.match(shape.fault?.message ?? '', /at most 10 TCP addresses.*web-3000, web-3001 of group/)
  assert.deepEqual(names(shape.state.group), names(old.state.group))
})

test('where a reload failed, who leaves may go', async () => {
  const old = (await attachedShape({ ...GROUP, targets: [at(3000), at(3001)] }, undefined)).state
  const asked = { ...GROUP, maxBodyBytes: 5, targets: [at(3001), at(3002)] }
  const { state } = await attachedShape(asked, old)
  const kept = withinOld(old, state)
  assert.deepEqual(names(kept.group), ['web-3001'])
  assert.equal(kept.group.maxBodyBytes, old.group.maxBodyBytes)
  assert.deepEqual(kept.addresses, old.addresses)
  const other = (await attachedShape({ ...GROUP, targets: [at(3002)] }, old)).state
  assert.equal(withinOld(old, other), old)
})
