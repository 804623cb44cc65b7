// Pools, lines of the access log, and the kernel's list of sockets.
import { strict as assert } from 'node:assert'
import { test } from 'node:test'
import fc from 'fast-check'
import { parseLine } from '../watch/access-log.ts'
import { parseUnixSockets } from '../watch/connections.ts'
import { choosePool, memberAt, poolNames, poolSize, poolSizes } from './pools.ts'

test('there is a pool for every number of targets, exact up to sixteen', () => {
  assert.deepEqual(poolSizes(3), [1, 2, 3])
  assert.deepEqual(poolSizes(20).slice(14), [15, 16, 18, 20])
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 500 }), (slots) => {
      const sizes = poolSizes(slots)
      assert.equal(sizes.at(-1), slots)
      for (const [i, size] of sizes.entries()) {
        const last = sizes[i - 1] ?? 0
        assert.ok(size > last && (size <= 16 || size <= last * 1.2 + 1))
      }
      assert.equal(new Set(poolNames(slots).map(({ name }) => name)).size, sizes.length * 4)
    }),
  )
})

test('a pool that still knows somebody who must not get requests is passed over', () => {
  const used = {
    '2.0': { members: ['a', 'b'], atMs: 40 },
    '2.1': { members: ['a', 'gone'], atMs: 10 },
    '2.2': { members: ['a', 'leaving'], atMs: 5 },
    '2.3': { members: ['b', 'a'], atMs: 20 },
  }
  const isConnected = (instance: string) => instance === 'leaving'
  const members = ['a', 'b']
  const choice = { slots: 4, members, used, isConnected }
  assert.equal(choosePool({ ...choice, current: '3.0' }), '2.1')
  assert.equal(choosePool({ ...choice, current: '2.1' }), '2.3')
  assert.equal(choosePool({ ...choice, current: undefined, used: {} }), '2.0')
  // Where all of them know it, the longest unused one is the least bad.
  const all = { ...choice, current: '2.0', isConnected: () => true, members: ['c', 'd'] }
  assert.equal(choosePool(all), '2.2')
})

test('a pool beyond the exact sizes gives its first members a second slot', () => {
  const pool = choosePool({
    slots: 20,
    members: Array.from({ length: 17 }, (_, n) => `${n}`),
    current: undefined,
    used: {},
    isConnected: () => false,
  })
  assert.equal(poolSize(pool), 18)
  assert.equal(memberAt(['a', 'b'], 2), 'a')
  assert.equal(memberAt([], 0), undefined)
})

test('lines of the access log say how a request ended', () => {
  const line = (status: string, upstream: string, flag = '-') =>
    parseLine(`t|web|${status}|0.010|${upstream}|${flag}|a`)
  assert.deepEqual(line('200', '200|0.009|unix:/p/1'), {
    ...{ group: 'web', ending: 'ok', status: 200, seconds: 0.01, tries: 1, failed: false },
    ...{ isSampled: true, share: 0 },
    tried: [{ address: 'unix:/p/1', failed: false }],
  })
  const retried = line('200', '502, 200|-, 0.009|unix:/p/1, unix:/p/0')
  assert.deepEqual([retried?.ending, retried?.tries, retried?.failed], ['ok', 2, true])
  assert.equal(line('404', '404|0.1|unix:/p/1')?.ending, 'client')
  assert.equal(line('500', '500|0.1|unix:/p/1')?.ending, 'server')
  assert.equal(line('503', '503|0.1|unix:/p/1')?.ending, 'server')
  assert.equal(line('502', '502|-|unix:/p/1')?.ending, 'badGateway')
  assert.equal(line('502', '502|0.1|unix:/p/1', '1')?.ending, 'badGateway')
  assert.equal(line('503', '-|-|-')?.ending, 'shed')
  assert.equal(line('503', '502|-|web_3_1')?.ending, 'shed')
  assert.equal(line('499', '-|-|unix:/p/1')?.ending, undefined)
  const marked = (mark: string) => {
    const read = parseLine(`t|web|200|0.010|200|0.009|unix:/p/1||${mark}`)
    return [read?.isSampled, read?.share]
  }
  assert.deepEqual(['a', 'b', 'ab'].map(marked), [
    [true, 0],
    [false, 50],
    [true, 0],
  ])
  assert.equal(parseLine('something else'), undefined)
})

test('connections are counted at the path of their listener', () => {
  const table = `Num       RefCount Protocol Flags    Type St Inode Path
0: 00000002 00000000 00010000 0001 01 100 /run/a.sock
1: 00000003 00000000 00000000 0001 03 101 /run/a.sock
2: 00000003 00000000 00000000 0001 03 102 /run/a.sock
3: 00000003 00000000 00000000 0001 03 103
4: 00000002 00000000 00010000 0001 01 104 /run/with space.sock
5: 00000002 00000000 00000000 0002 01 105 /run/datagrams.sock
`
  assert.deepEqual(
    [...parseUnixSockets(table)],
    [
      ['/run/a.sock', 2],
      ['/run/with space.sock', 0],
    ],
  )
})
