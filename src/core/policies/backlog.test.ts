// The `backlog` policy: enough to be done in time, aware of boots, partitions and nothing at all.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { groupSpec } from '../../../tests/simulation/loop.ts'
import {
  contextOf,
  groupMemory,
  instance,
  MISSING,
  NOW,
  seenOf,
  value,
} from '../../../tests/simulation/moment.ts'
import type { GroupMemory, Instance, QueueReadings, Recommendation } from '../model.ts'
import { backlog, noteQueues } from './backlog.ts'

const KNOWN = { queueRates: { orders: 10 } }

/** Ready for a minute, after ten seconds of boot. */
const booted = (n: number) => instance(n, { startedAtMs: NOW - 70_000, phaseAtMs: NOW - 60_000 })
const workers = (count: number) => Array.from({ length: count }, (_, n) => booted(n + 1))

interface Queue {
  readonly depth: number
  readonly arrivals?: number
  readonly served?: number
  readonly more?: Partial<QueueReadings>
  readonly instances?: readonly Instance[]
  readonly drainS?: number
  readonly memory?: Partial<GroupMemory>
}

function all(queue: Queue): readonly Recommendation[] {
  const { depth, arrivals = 0, served = 0, more, instances = workers(2), drainS = 30 } = queue
  const orders = {
    ...{ depth: value(depth), arrivalsPerS: value(arrivals), servedPerS: value(served) },
    ...more,
  }
  const group = groupSpec({ queues: [{ queue: 'orders', drainWithinMs: drainS * 1_000 }] })
  const seen = seenOf(instances, { queues: { orders } })
  const memory = groupMemory(instances.length, queue.memory ?? KNOWN)
  return backlog(contextOf({ group, seen, memory }))
}

function ask(queue: Queue): readonly [to: number | undefined, reason: string] {
  const [only, ...rest] = all(queue)
  assert.deepEqual(rest, [])
  return [only?.kind === 'want' ? only.instances : undefined, only?.reason ?? '']
}

test('what waits and what arrives is done by the deadline; who boots misses a part of it', () => {
  // 600 in 30 s at 10/s: two would do.
  assert.equal(ask({ depth: 600 })[0], 2)
  // 1,500: two do 600 of it, and a further one, 10 s late, 200.
  const [to, reason] = ask({ depth: 1_500 })
  assert.equal(to, 2 + Math.ceil(900 / 200))
  assert.equal(
    reason,
    '1500 wait or are worked on, 0/s arrive, at 10/s each: wants 7 to be done in 30 s',
  )
  // 40/s arrive for 30 s on top.
  assert.equal(ask({ depth: 300, arrivals: 40 })[0], 2 + Math.ceil(900 / 200))
})

test('those that boot already are counted for what is left to them', () => {
  const starting = (agoS: number) =>
    instance(9, { phase: 'starting', startedAtMs: NOW - agoS * 1_000 })
  const instances = [...workers(2), starting(5), starting(5)]
  assert.equal(ask({ depth: 1_100, instances })[0], 4)
  assert.equal(ask({ depth: 1_101, instances })[0], 5)
})

test('a boot longer than half the deadline is said, and does not ask for the impossible', () => {
  const [to, reason] = ask({ depth: 400, drainS: 12, instances: workers(1) })
  assert.equal(to, 1 + Math.ceil((400 - 160) / 60))
  assert.match(reason, /to be done in 16 s, with 10 s of boot$/)
})

test('it goes in as soon as fewer would do, to zero, and comes back from zero', () => {
  assert.equal(ask({ depth: 30, arrivals: 19, instances: workers(6) })[0], 2)
  assert.deepEqual(ask({ depth: 0, instances: workers(6) }), [0, 'nothing waits'])
  assert.equal(ask({ depth: 1, instances: [] })[0], 1)
  assert.equal(ask({ depth: 0, arrivals: 0.1, instances: [] })[0], 1)
  assert.equal(ask({ depth: 1_500, instances: [] })[0], 8)
})

test('never more than there are partitions', () => {
  const [to, reason] = ask({ depth: 1_500, more: { partitions: value(4) } })
  assert.equal(to, 4)
  assert.match(reason, /wants 7 .*, but it has 4 partitions$/)
  assert.equal(ask({ depth: 1_500, more: { partitions: MISSING } })[0], 7)
})

test('while messages wait for longer than a tenth of the deadline none leaves', () => {
  const oldest = { oldestAgeS: value(7) }
  const [to, reason] = ask({ depth: 187, instances: workers(6), more: oldest })
  assert.equal(to, 6)
  assert.match(reason, /^187 wait .*, the oldest for 7 s, .*wants 1 .*none leaves while they wait$/)
  assert.equal(ask({ depth: 186, instances: workers(6) })[0], 1)
})

test('before a rate is known it keeps what is there; what is done now is the least of it', () => {
  const memory = {}
  assert.equal(ask({ depth: 900, instances: [], memory })[0], 1)
  assert.match(ask({ depth: 900, memory })[1], /what one instance does is not known yet/)
  assert.equal(ask({ depth: 1_500, served: 20, memory })[0], 7)
  assert.equal(ask({ depth: 1_500, served: 300 })[0], 2)
  assert.match(ask({ depth: 1_500, served: 300 })[1], /at 150\/s each: wants 1 /)
})

test('missing is not zero: without a depth it is blind, without arrivals it only scales out', () => {
  const kinds = (more: Partial<QueueReadings>) => {
    return all({ depth: 600, more }).map((r) => (r.kind === 'want' ? r.instances : r.blind))
  }
  assert.deepEqual(kinds({ depth: MISSING }), [true])
  assert.deepEqual(kinds({ arrivalsPerS: MISSING }), [2, true])
  const queues = [{ queue: 'orders', drainWithinMs: 1 }]
  const [nobody] = backlog(contextOf({ group: groupSpec({ queues }) }))
  assert.match(nobody?.reason ?? '', /nobody reads the queue/)
  assert.deepEqual(backlog(contextOf({})), [])
})

test('what it wants is enough, and one fewer is not', () => {
  const load = fc.record({ depth: fc.nat(5_000), arrivals: fc.nat(100), ready: fc.nat(12) })
  const done = (n: number, ready: number) =>
    10 * (Math.min(n, ready) * 30 + Math.max(0, n - ready) * 20)
  fc.assert(
    fc.property(load, ({ depth, arrivals, ready }) => {
      const [to = 0, reason] = ask({ depth, arrivals, instances: workers(ready) })
      if (/none leaves/.test(reason)) return
      const work = depth + arrivals * 30
      assert.ok(done(to, ready) >= work - 1e-6, `${to} do ${done(to, ready)} of ${work}`)
      assert.ok(to === 0 || done(to - 1, ready) < work, `${to - 1} would do`)
    }),
  )
})

test('the rate is learned while all have enough to do, and only then', () => {
  const group = groupSpec({ queues: [{ queue: 'orders', drainWithinMs: 30_000 }] })
  const rate = (depth: number, served: number, instances = workers(2), before?: number) => {
    const readings = { depth: value(depth), arrivalsPerS: value(0), servedPerS: value(served) }
    const seen = seenOf(instances, { queues: { orders: readings } })
    const queueRates = before === undefined ? {} : { queueRates: { orders: before } }
    return noteQueues(groupMemory(2, queueRates), group, seen, NOW).queueRates?.orders
  }
  assert.equal(rate(100, 20), 10)
  assert.equal(rate(100, 20, workers(2), 20), 19)
  assert.equal(rate(3, 20), undefined)
  assert.equal(rate(100, 0), undefined)
  assert.equal(rate(100, 20, [...workers(2), instance(3, { phase: 'starting' })]), undefined)
  assert.equal(rate(100, 20, [booted(1), instance(2, { phaseAtMs: NOW - 5_000 })]), undefined)
  const memory = groupMemory(2)
  assert.equal(noteQueues(memory, groupSpec(), seenOf([]), NOW), memory)
})
