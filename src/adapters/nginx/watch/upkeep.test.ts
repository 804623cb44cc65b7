// A log that stays bounded, clients' connections as the kernel lists them, and versions.
import { strict as assert } from 'node:assert'
import { appendFileSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { isAtLeast } from '../binary.ts'
import { parseClients } from './clients.ts'
import { rotate } from './upkeep.ts'

test('a log that has grown is emptied, and its end is kept twice', () => {
  const folder = mkdtempSync(join(tmpdir(), 'plimsoll-log-'))
  const path = join(folder, 'error.log')
  rotate(path, 10)
  for (const text of ['first, long enough', 'second, long enough', 'third, long enough']) {
    appendFileSync(path, text)
    const { ino } = statSync(path)
    rotate(path, 10)
    // Whoever has it open writes on into the same file.
    assert.deepEqual([statSync(path).ino, statSync(path).size], [ino, 0])
  }
  assert.match(readFileSync(`${path}.1`, 'utf8'), /^third/)
  assert.match(readFileSync(`${path}.2`, 'utf8'), /^second/)
  writeFileSync(path, 'short')
  rotate(path, 10)
  assert.equal(readFileSync(path, 'utf8'), 'short')
  rmSync(folder, { recursive: true })
})

test("established connections to a listener's port are a client's", () => {
  const table = `  sl  local_address rem_address   st tx_queue
   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000
   1: 0100007F:1F90 0100007F:C350 01 00000000:00000000
   2: 0100007F:C350 0100007F:1F90 01 00000000:00000000
   3: 0100007F:1F90 0100007F:C351 06 00000000:00000000
   4: 0100007F:1F91 0100007F:C352 01 00000000:00000000
`
  assert.deepEqual(parseClients(table, new Set([8080])), ['0100007F:1F90-0100007F:C350'])
})

test('versions are compared number by number', () => {
  assert.ok(isAtLeast([1, 25, 1], [1, 25, 1]))
  assert.ok(isAtLeast([1, 26, 0], [1, 25, 1]))
  assert.ok(isAtLeast([2, 0, 0], [1, 25, 1]))
  assert.ok(!isAtLeast([1, 22, 1], [1, 25, 1]))
  assert.ok(!isAtLeast([1, 25, 0], [1, 25, 1]))
})
