// The waiting room: order, bounds, time.
import { strict as assert } from 'node:assert'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { WaitingRoom } from './waiting-room.ts'

function waiter(told: string[], name: string) {
  return { name, expired: () => void told.push(name) }
}

test('it is bounded, keeps the order, and lets anyone leave', () => {
  const room = new WaitingRoom<{ name: string; expired(): void }>(3)
  const [a, b, c, d] = ['a', 'b', 'c', 'd'].map((name) => waiter([], name))
  assert.ok(a && b && c && d)
  assert.deepEqual(
    [a, b, c, d].map((who) => room.enter(who, 60_000)),
    [true, true, true, false],
  )
  room.leave(b)
  room.leave(d)
  assert.equal(room.first(), a)
  room.leave(a)
  assert.equal(room.first(), c)
  room.leave(c)
  assert.deepEqual([room.first(), room.size], [undefined, 0])
})

test('time runs out, and clearing ends everyone', async () => {
  const told: string[] = []
  const room = new WaitingRoom<{ name: string; expired(): void }>(3)
  room.enter(waiter(told, 'short'), 5)
  room.enter(waiter(told, 'long'), 60_000)
  while (told.length === 0) await sleep(5)
  assert.deepEqual([told, room.size], [['short'], 1])
  room.clear()
  assert.deepEqual([told, room.size], [['short', 'long'], 0])
})
