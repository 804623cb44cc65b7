// Upstreams for every set of known addresses.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { BalancerGroup } from '../../../core/ports.ts'
import {
  addressesOf,
  grownAddresses,
  isReached,
  MOST_ADDRESSES,
  subsetPool,
  subsets,
} from './subsets.ts'

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
const at = (port: number) => ({ instance: `web-${port}`, host: '127.0.0.1', port }) as const

test('every set has one pool, the likely ones first', () => {
  const known = ['a:1', 'b:2', 'c:3']
  const all = subsets(known)
  assert.deepEqual(
    all.map(({ addresses }) => addresses.join(' ')),
    ['a:1', 'a:1 b:2', 'a:1 b:2 c:3', 'b:2', 'a:1 c:3', 'b:2 c:3', 'c:3'],
  )
  assert.equal(new Set(all.map(({ pool }) => pool)).size, 7)
  for (const { pool, addresses } of all) {
    assert.equal(subsetPool(known, [...addresses].reverse()), pool)
  }
})

test('addresses keep their order while something is served', () => {
  const group = { ...GROUP, ports: [3002, 3000] }
  assert.deepEqual(addressesOf(group, []), ['127.0.0.1:3002', '127.0.0.1:3000'])
  const before = ['127.0.0.1:3000', '127.0.0.1:3001']
  const served = { ...group, targets: [{ ...at(3000), state: 'active' } as const] }
  assert.deepEqual(addressesOf(served, before), [...before, '127.0.0.1:3002'])
  assert.deepEqual(addressesOf(group, before), ['127.0.0.1:3002', '127.0.0.1:3000'])
  const many = Array.from({ length: MOST_ADDRESSES + 1 }, (_, i) => 3000 + i)
  assert.deepEqual(addressesOf({ ...GROUP, ports: many }, []), [])
})

test('targets are reached where all of them are on a known address', () => {
  const known = ['127.0.0.1:3000', '127.0.0.1:3001']
  const inside = { ...at(3001), state: 'draining' } as const
  const outside = { ...at(3002), state: 'active' } as const
  assert.ok(isReached({ ...GROUP, targets: [inside] }, known))
  assert.ok(!isReached({ ...GROUP, targets: [inside, outside] }, known))
  assert.ok(!isReached({ ...GROUP, targets: [{ ...inside, socket: '/run/a.sock' }] }, known))
  assert.ok(!isReached(GROUP, []))
})

test('static members are known addresses, also beyond the first ones that were', () => {
  const members = [
    { host: '10.0.0.1', port: 80 },
    { host: 'FD00::1', port: 80 },
  ]
  const group = { ...GROUP, members, ports: [3000] }
  const first = ['10.0.0.1:80', '[fd00::1]:80', '127.0.0.1:3000']
  assert.deepEqual(addressesOf(group, []), first)
  const moved = { ...group, members: members.slice(1), ports: [3001] }
  assert.deepEqual(addressesOf(moved, first), [...first, '127.0.0.1:3001'])
  const before = [...first, ...Array.from({ length: 7 }, (_, i) => `127.0.0.1:${4000 + i}`)]
  const replaced = ['127.0.0.1:3001', ...before.slice(1)]
  assert.deepEqual(addressesOf(moved, before), replaced)
  const many = Array.from({ length: MOST_ADDRESSES - 1 }, (_, i) => 3000 + i)
  assert.deepEqual(addressesOf({ ...group, ports: many }, first), first)
})

test('addresses that grow with targets forget those of nobody only for want of room', () => {
  const targets = (...ports: readonly number[]) =>
    ports.map((port) => ({ ...at(port), state: 'active' }) as const)
  const address = (port: number) => `127.0.0.1:${port}`
  const range = (from: number, count: number) => Array.from({ length: count }, (_, i) => from + i)
  const one = grownAddresses({ ...GROUP, targets: targets(3000) }, [])
  const two = grownAddresses({ ...GROUP, targets: targets(3001) }, one)
  assert.deepEqual(two, [3000, 3001].map(address))
  const full = range(3000, MOST_ADDRESSES).map(address)
  const next = { ...GROUP, targets: targets(3001, 4000), ports: range(3000, 20) }
  const grown = grownAddresses(next, full)
  assert.equal(grown.length, MOST_ADDRESSES)
  assert.equal(grown[1], address(3001))
  assert.ok(isReached(next, grown))
  const many = { ...GROUP, targets: targets(...range(3005, MOST_ADDRESSES + 1)) }
  const most = grownAddresses(many, full)
  assert.equal(most.length, MOST_ADDRESSES)
  assert.deepEqual(most.slice(5), full.slice(5))
  assert.ok(!isReached(many, most))
})
