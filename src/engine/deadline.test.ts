// Every call to the outside ends in time, one way or the other, and leaves nothing ticking.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate as soon } from 'node:timers/promises'
import { MemoryClock } from '../adapters/memory/clock.ts'
import { DeadlineError, withDeadline } from './deadline.ts'

test('an answer in time is passed on, and so is a failure', async () => {
  const clock = new MemoryClock()
  assert.equal(await withDeadline(clock, 'it', 100, async () => 7), 7)
  const failing = withDeadline(clock, 'it', 100, async () => {
    throw new TypeError('no')
  })
  await assert.rejects(failing, TypeError)
})

test('a call that ignores its signal is left behind when its time is over', async () => {
  const clock = new MemoryClock()
  let signal: AbortSignal | undefined
  const stuck = withDeadline(clock, 'the provider', 100, (s) => {
    signal = s
    return new Promise<never>(() => {})
  })
  clock.advance(99)
  await soon()
  assert.equal(signal?.aborted, false)
  clock.advance(1)
  await assert.rejects(stuck, { message: 'the provider took longer than 100 ms' })
  await assert.rejects(stuck, DeadlineError)
  assert.equal(signal?.aborted, true)
})

test('what comes after the deadline disturbs nobody', async () => {
  const unhandled: unknown[] = []
  const listen = (error: unknown) => unhandled.push(error)
  process.on('unhandledRejection', listen)
  const clock = new MemoryClock()
  const late = Promise.withResolvers<never>()
  const stuck = withDeadline(clock, 'it', 100, () => late.promise)
  clock.advance(100)
  await assert.rejects(stuck, DeadlineError)
  late.reject(new Error('much later'))
  await soon()
  process.off('unhandledRejection', listen)
  assert.deepEqual(unhandled, [])
})

test('a call that throws at once is a failure like any other, and nothing goes off later', async () => {
  const unhandled: unknown[] = []
  const listen = (error: unknown) => unhandled.push(error)
  process.on('unhandledRejection', listen)
  const clock = new MemoryClock()
  const thrown = withDeadline(clock, 'it', 100, () => {
    throw new RangeError('at once')
  })
  await assert.rejects(thrown, RangeError)
  clock.advance(1_000)
  await soon()
  process.off('unhandledRejection', listen)
  assert.deepEqual(unhandled, [])
})
