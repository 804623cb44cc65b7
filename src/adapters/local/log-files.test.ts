// Logs of instances: the end can be read, no file grows for ever, and turning one over loses no
// writer.
import assert from 'node:assert/strict'
import {
  mkdtempSync,
  readdirSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, test } from 'node:test'
import { LogFiles } from './log-files.ts'

const MB = 1024 * 1024
let folder: string
let logs: LogFiles
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'plimsoll-logs-'))
  logs = new LogFiles(folder)
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

const path = (name: string) => join(folder, name)
const ALIVE = new Set(['web-1'])

test('the last lines come oldest first, without what drives a terminal', () => {
  const control = String.fromCharCode(27)
  writeFileSync(path('web-1.log'), `one\ntwo\r\n${control}[31mthree${control}[0m\n`)
  assert.deepEqual(logs.tail('web-1', 10), ['one', 'two', 'three'])
  assert.deepEqual(logs.tail('web-1', 2), ['two', 'three'])
})

test('a line that is still being written counts, an empty one is a line', () => {
  writeFileSync(path('web-1.log'), 'one\n\nthr')
  assert.deepEqual(logs.tail('web-1', 10), ['one', '', 'thr'])
})

test('without a log there are no lines', () => {
  assert.deepEqual(logs.tail('web-9', 10), [])
  writeFileSync(path('web-1.log'), '')
  assert.deepEqual(logs.tail('web-1', 10), [])
})

test('of a huge log only the end is looked at', () => {
  writeFileSync(path('web-1.log'), `${'x'.repeat(99)}\n`.repeat(100_000))
  const lines = logs.tail('web-1', 1_000_000)
  assert.ok(lines.length > 2_000 && lines.length < 3_000)
  assert.equal(lines.at(-1), 'x'.repeat(99))
})

test('turning over keeps the old text, and the writer goes on writing', () => {
  const descriptor = logs.open('web-1')
  writeSync(descriptor, `${'a'.repeat(1023)}\n`.repeat(10 * 1024 + 1))
  logs.rotate(ALIVE)
  assert.ok(statSync(path('web-1.log.1')).size > 10 * MB)
  assert.equal(statSync(path('web-1.log')).size, 0)
  writeSync(descriptor, 'after\n')
  logs.close(descriptor)
  assert.deepEqual(logs.tail('web-1', 10), ['after'])
  assert.equal(statSync(path('web-1.log')).size, 6, 'written at the new end, without a hole')
})

test('a log within its size is left alone, and turning over twice keeps two files', () => {
  writeFileSync(path('web-1.log'), 'a'.repeat(10 * MB))
  logs.rotate(ALIVE)
  assert.deepEqual(readdirSync(folder), ['web-1.log'])
  for (const letter of ['b', 'c']) {
    writeFileSync(path('web-1.log'), letter.repeat(10 * MB + 1))
    logs.rotate(ALIVE)
  }
  assert.deepEqual(readdirSync(folder).sort(), ['web-1.log', 'web-1.log.1'])
  assert.ok(statSync(path('web-1.log.1')).size === 10 * MB + 1)
})

test('of ended instances the newest fifty files are kept, of living ones all', () => {
  for (let n = 1; n <= 60; n++) {
    writeFileSync(path(`web-${n}.log`), 'x')
    utimesSync(path(`web-${n}.log`), n, n)
  }
  writeFileSync(path('web-1.log.1'), 'x')
  utimesSync(path('web-1.log.1'), 1, 1)
  logs.rotate(ALIVE)
  const left = readdirSync(folder)
  assert.equal(left.length, 52)
  assert.ok(left.includes('web-1.log') && left.includes('web-1.log.1'))
  assert.ok(!left.includes('web-2.log') && !left.includes('web-10.log'))
  assert.ok(left.includes('web-11.log') && left.includes('web-60.log'))
})

test('nobody else may read them', () => {
  logs.close(logs.open('web-1'))
  assert.equal(statSync(path('web-1.log')).mode & 0o777, 0o600)
})
