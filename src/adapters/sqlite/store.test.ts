// The store on disk keeps what the Store port promises, and says so when the disk does not.
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterEach, beforeEach, describe, test } from 'node:test'
import type { Spec } from '../../core/model.ts'
import { type StoreSubject, storeConformance } from '../../testing/store.ts'
import { openSqliteStore } from './store.ts'

function create(mostTicks?: number): StoreSubject {
  const folder = mkdtempSync(join(tmpdir(), 'plimsoll-store-'))
  let store = openSqliteStore(folder, mostTicks)
  return {
    get store() {
      return store
    },
    reopen: () => {
      store.close()
      store = openSqliteStore(folder, mostTicks)
      return store
    },
    breakWrites: () => {
      const other = new DatabaseSync(join(folder, 'store.sqlite'))
      other.exec('BEGIN EXCLUSIVE')
      return () => other.close()
    },
    dispose: () => {
      store.close()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

storeConformance('sqlite', create)

describe('the file', () => {
  let folder: string
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'plimsoll-store-'))
  })
  afterEach(() => rmSync(folder, { recursive: true, force: true }))

  test('is for its owner alone', () => {
    openSqliteStore(folder).close()
    assert.equal(statSync(join(folder, 'store.sqlite')).mode & 0o777, 0o600)
  })

  test('keeps only the newest specifications', () => {
    const store = openSqliteStore(folder)
    const spec = (hash: string): Spec => {
      return { app: 'shop', hash, intervalMs: 1_000, groups: [], resources: [] }
    }
    for (let n = 1; n <= 80; n++) assert.equal(store.saveSpec(spec(`h${n}`)), undefined)
    assert.ok(store.spec('h80'))
    assert.equal(store.spec('h1'), undefined)
    store.close()
  })

  test('that is no database is refused with the code of the store', () => {
    writeFileSync(join(folder, 'store.sqlite'), 'this is not a database, however long it may be')
    assert.throws(() => openSqliteStore(folder), { code: 'E_STORE' })
  })

  test('in a folder that is not there is refused with the code of the store', () => {
    assert.throws(() => openSqliteStore(join(folder, 'nowhere')), { code: 'E_STORE' })
  })
})
