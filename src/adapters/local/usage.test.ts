// Processor and memory of an instance: over its whole session and a few seconds, never below zero.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ProcessStat } from './procfs.ts'
import { memoryOf, Usage } from './usage.ts'

function stat(pid: number, session: number, cpuTicks: number, rssBytes = 1_000): ProcessStat {
  const ids = { pid, ppid: 1, processGroup: session, session }
  return { ...ids, state: 'S', cpuTicks, startTicks: 1, rssBytes }
}

function watched(...looks: readonly (readonly [number, readonly ProcessStat[]])[]): Usage {
  const usage = new Usage()
  for (const [atMs, processes] of looks) usage.sample(processes, [10], atMs)
  return usage
}

test('less than a second of watching tells nothing', () => {
  assert.equal(new Usage().cpuPercent(10).kind, 'missing')
  assert.equal(watched([0, [stat(10, 10, 5)]]).cpuPercent(10).kind, 'missing')
  const short = watched([0, [stat(10, 10, 5)]], [899, [stat(10, 10, 50)]])
  assert.equal(short.cpuPercent(10).kind, 'missing')
})

test('ticks are hundredths of a second, summed over the session', () => {
  const usage = watched(
    [0, [stat(10, 10, 100), stat(11, 10, 50), stat(12, 12, 0)]],
    [2_000, [stat(10, 10, 200), stat(11, 10, 150), stat(12, 12, 900)]],
  )
  assert.deepEqual(usage.cpuPercent(10), { kind: 'value', value: 100, atMs: 2_000 })
})

test('only the last seconds count', () => {
  const looks = Array.from({ length: 21 }, (_, n) => {
    return [n * 500, [stat(10, 10, n <= 10 ? n * 50 : 500)]] as const
  })
  assert.deepEqual(watched(...looks).cpuPercent(10), { kind: 'value', value: 0, atMs: 10_000 })
})

test('a child that ended takes its time along, and the use is not negative', () => {
  const usage = watched([0, [stat(10, 10, 100), stat(11, 10, 500)]], [2_000, [stat(10, 10, 110)]])
  assert.deepEqual(usage.cpuPercent(10), { kind: 'value', value: 0, atMs: 2_000 })
})

test('a session that is gone is forgotten', () => {
  const usage = watched([0, [stat(10, 10, 0)]], [2_000, [stat(10, 10, 100)]])
  assert.equal(usage.cpuPercent(10).kind, 'value')
  usage.sample([], [], 3_000)
  assert.equal(usage.cpuPercent(10).kind, 'missing')
})

test('memory is that of the session; without a process there is none', () => {
  const processes = [stat(10, 10, 0, 700), stat(11, 10, 0, 50), stat(12, 12, 0, 9)]
  assert.deepEqual(memoryOf(processes, 10, 5), { kind: 'value', value: 750, atMs: 5 })
  assert.deepEqual(memoryOf(processes, 99, 5), { kind: 'missing', reason: 'no process' })
})
