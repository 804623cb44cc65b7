// Instances on disk: whole or not there, and a broken one is told.
import assert from 'node:assert/strict'
import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, test } from 'node:test'
import { type InstanceRecord, Records } from './records.ts'

let folder: string
let records: Records
beforeEach(() => {
  folder = join(mkdtempSync(join(tmpdir(), 'plimsoll-records-')), 'instances')
  records = new Records(folder)
})
afterEach(() => rmSync(join(folder, '..'), { recursive: true, force: true }))

function record(id: string, change: Partial<InstanceRecord> = {}): InstanceRecord {
  const times = { phaseAtMs: 2, startedAtMs: 1 }
  const where = { host: '127.0.0.1', port: 20_001 }
  const base = { id, group: 'web', generation: 'a.0', nonce: 'n', phase: 'ready' } as const
  return { ...base, ...where, ...times, wasReady: true, stopAsked: false, ...change }
}

test('what was written is read, the newest of it', () => {
  assert.deepEqual(records.all(), { records: [], broken: [] })
  records.write(record('web-1', { phase: 'starting' }))
  records.write(record('web-2'))
  records.write(record('web-1'))
  const { records: found, broken } = new Records(folder).all()
  assert.deepEqual(
    [...found].sort((a, b) => a.id.localeCompare(b.id)),
    [record('web-1'), record('web-2')],
  )
  assert.deepEqual(broken, [])
})

test('what was removed is gone, and removing it again is fine', () => {
  records.write(record('web-1'))
  records.remove('web-1')
  records.remove('web-1')
  assert.deepEqual(readdirSync(folder), [])
})

test('a broken one is told by its name, and the others are read', () => {
  records.write(record('web-1'))
  writeFileSync(join(folder, 'web-2.json'), '{"id":"we')
  writeFileSync(join(folder, 'web-3.json'), '')
  const { records: found, broken } = records.all()
  assert.deepEqual(found, [record('web-1')])
  assert.deepEqual([...broken].sort(), ['web-2.json', 'web-3.json'])
})

test('JSON that is no record is broken too', () => {
  for (const text of ['null', '7', '[]', '{}', '{"id":"web-1"}']) {
    writeFileSync(join(folder, 'web-1.json'), text)
    assert.deepEqual(records.all(), { records: [], broken: ['web-1.json'] }, text)
  }
})

test('a write that was cut short leaves what was there', () => {
  records.write(record('web-1'))
  writeFileSync(join(folder, 'web-1.json.new'), '{"id":')
  assert.deepEqual(records.all(), { records: [record('web-1')], broken: [] })
})

test('nobody else may read them', () => {
  records.write(record('web-1'))
  assert.equal(statSync(folder).mode & 0o777, 0o700)
  assert.equal(statSync(join(folder, 'web-1.json')).mode & 0o777, 0o600)
})
