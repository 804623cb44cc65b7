// Ticks, memory and specifications in one SQLite file. Calls are synchronous and short; a failed
// one is a Fault.
import { chmodSync, existsSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { fault, PlimsollError } from '../../core/errors.ts'
import type { EpochMs, Fault, Memory, Outcome, Spec, Tick } from '../../core/model.ts'
import type { Kept, Store } from '../../core/ports.ts'
import { concerns, isChange } from '../../core/words/change.ts'

/** How long a call may wait for a lock. */
const BUSY_MS = 250
/** Ticks kept; history is cut only where a memory was kept. */
const MOST_TICKS = 20_000
const CUT_EVERY = 500
const MOST_SPECS = 50
/** Ticks that a restart may have to fold in. */
const MOST_RECOVERED = 2_000
/** Ticks in one answer. */
const MOST_ANSWERED = 1_000

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS ticks (
    id INTEGER PRIMARY KEY, at INTEGER NOT NULL, changed INTEGER NOT NULL, json TEXT NOT NULL
  );
  CREATE TABLE IF NOT EXISTS outcomes (tick INTEGER PRIMARY KEY, json TEXT NOT NULL);
  CREATE INDEX IF NOT EXISTS ticks_changed ON ticks (changed, id);
  CREATE TABLE IF NOT EXISTS memories (tick INTEGER PRIMARY KEY, json TEXT NOT NULL);
  CREATE TABLE IF NOT EXISTS specs (
    hash TEXT PRIMARY KEY, saved INTEGER NOT NULL, json TEXT NOT NULL
  );
`

const FILE = 'store.sqlite'

/** Whether anything was ever kept in a state folder. */
export function hasSqliteStore(stateDir: string): boolean {
  return existsSync(join(stateDir, FILE))
}

/** A tick, and apart from it the outcomes of one whose plan was kept before. */
const TICKS = `SELECT ticks.json, outcomes.json AS outcomes
  FROM ticks LEFT JOIN outcomes ON outcomes.tick = ticks.id`

/** The newest memory from before a tick, and what comes after that. */
const HISTORY = `WITH start (id) AS (SELECT coalesce(max(tick), 0) FROM memories WHERE tick < ?)
  SELECT ticks.id AS id, 0 AS isMemory, ticks.json AS json, outcomes.json AS outcomes
  FROM ticks LEFT JOIN outcomes ON outcomes.tick = ticks.id
  WHERE ticks.id > (SELECT id FROM start)
  UNION ALL
  SELECT tick, 1, json, NULL FROM memories WHERE tick >= (SELECT id FROM start)
  ORDER BY 1, 2`

/** Opens or creates `store.sqlite` in the state folder. Throws E_STORE where that can't be done. */
export function openSqliteStore(stateDir: string, mostTicks = MOST_TICKS): Store {
  const path = join(stateDir, FILE)
  try {
    return new SqliteStore(path, mostTicks)
  } catch (error) {
    const message = `${path} can't be opened: ${(error as Error).message}`
    throw new PlimsollError('E_STORE', message, { cause: error })
  }
}

class SqliteStore implements Store {
  readonly #db: DatabaseSync
  readonly #mostTicks: number
  #writes = 0
  /** The last plan that was kept: of what is the same, nothing is written twice. */
  #planned: Tick | undefined

  constructor(path: string, mostTicks: number) {
    this.#db = new DatabaseSync(path, { timeout: BUSY_MS })
    chmodSync(path, 0o600)
    this.#mostTicks = mostTicks
    // WAL: readers never wait, and a killed process loses nothing that was committed.
    this.#db.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL')
    this.#db.exec(SCHEMA)
  }

  plan(tick: Tick): Fault | undefined {
    return this.#attempt(() => {
      this.#put(tick)
      this.#planned = tick
    })
  }

  finish(tick: Tick, memory?: Memory): Fault | undefined {
    return this.#attempt(() => {
      this.#db.exec('BEGIN IMMEDIATE')
      try {
        this.#complete(tick)
        if (memory !== undefined) this.#keep(tick.id, memory)
        if (++this.#writes % CUT_EVERY === 0) this.#cut(tick.id)
        this.#db.exec('COMMIT')
      } catch (error) {
        // A full disk ends the transaction by itself; the error to tell is the first one.
        if (this.#db.isTransaction) this.#db.exec('ROLLBACK')
        throw error
      }
    })
  }

  saveSpec(spec: Spec): Fault | undefined {
    return this.#attempt(() => {
      const next = this.#db.prepare('SELECT coalesce(max(saved), 0) + 1 AS n FROM specs').get()
      this.#db
        .prepare('INSERT OR REPLACE INTO specs (hash, saved, json) VALUES (?, ?, ?)')
        .run(spec.hash, Number(next?.n ?? 1), JSON.stringify(spec))
      this.#db
        .prepare('DELETE FROM specs WHERE saved <= (SELECT max(saved) FROM specs) - ?')
        .run(MOST_SPECS)
    })
  }

  spec(hash: string): Spec | undefined {
    return this.#one<Spec>('SELECT json FROM specs WHERE hash = ?', hash)
  }

  recover(): ReturnType<Store['recover']> {
    try {
      const kept = this.#db
        .prepare('SELECT tick, json FROM memories ORDER BY tick DESC LIMIT 1')
        .get()
      const from = Number(kept?.tick ?? 0)
      const rows = this.#db
        .prepare(`${TICKS} WHERE id > ? ORDER BY id LIMIT ?`)
        .all(from, MOST_RECOVERED)
      const last = this.#db.prepare('SELECT coalesce(max(id), 0) AS id FROM ticks').get()
      return {
        ...(kept === undefined ? {} : { memory: JSON.parse(String(kept.json)) as Memory }),
        ticks: rows.map(tickIn),
        lastId: Number(last?.id ?? 0),
      }
    } catch (error) {
      return storeFault(error)
    }
  }

  *history(sinceMs: EpochMs): Iterable<Kept> {
    try {
      const first = this.#db.prepare('SELECT min(id) AS id FROM ticks WHERE at >= ?').get(sinceMs)
      if (typeof first?.id !== 'number') return
      const rows = this.#db.prepare(HISTORY).iterate(first.id)
      for (const row of rows) {
        if (row.isMemory === 0) yield { kind: 'tick', tick: tickIn(row) }
        else {
          const memory = JSON.parse(String(row.json)) as Memory
          yield { kind: 'memory', after: Number(row.id), memory }
        }
      }
    } catch (error) {
      throw new PlimsollError('E_STORE', storeFault(error).message, { cause: error })
    }
  }

  tick(id: number): Tick | undefined {
    const row = this.#db.prepare(`${TICKS} WHERE id = ?`).get(id)
    return row === undefined ? undefined : tickIn(row)
  }

  ticks(query: Parameters<Store['ticks']>[0]): readonly Tick[] {
    const { before = Number.MAX_SAFE_INTEGER, group } = query
    const limit = Math.min(MOST_ANSWERED, query.limit)
    // Only a tick that changed something can concern a group.
    const only = query.changedOnly === true || group !== undefined ? 'AND changed = 1' : ''
    const rows = this.#db.prepare(`${TICKS} WHERE id < ? ${only} ORDER BY id DESC`).iterate(before)
    const found: Tick[] = []
    for (const row of rows) {
      if (found.length >= limit) break
      const tick = tickIn(row)
      if (group === undefined || concerns(tick, group)) found.push(tick)
    }
    return found
  }

  close(): void {
    this.#db.close()
  }

  #complete(tick: Tick): void {
    const { id, observation, decisions, plan, outcomes } = tick
    const before = this.#planned
    this.#planned = undefined
    const same = before?.observation === observation && before.decisions === decisions
    const isKept = before?.id === id && same && before.plan === plan
    if (!isKept) this.#put(tick)
    else {
      this.#db
        .prepare('INSERT OR REPLACE INTO outcomes (tick, json) VALUES (?, ?)')
        .run(id, JSON.stringify(outcomes ?? []))
    }
  }

  #put(tick: Tick): void {
    this.#db.prepare('DELETE FROM outcomes WHERE tick = ?').run(tick.id)
    this.#db
      .prepare('INSERT OR REPLACE INTO ticks (id, at, changed, json) VALUES (?, ?, ?, ?)')
      .run(tick.id, tick.observation.atMs, isChange(tick) ? 1 : 0, JSON.stringify(tick))
  }

  #keep(tick: number, memory: Memory): void {
    this.#db
      .prepare('INSERT OR REPLACE INTO memories (tick, json) VALUES (?, ?)')
      .run(tick, JSON.stringify(memory))
  }

  // The first tick that stays has the memory before it, so it can be decided again.
  #cut(newest: number): void {
    const cut = this.#db
      .prepare('SELECT max(tick) AS tick FROM memories WHERE tick <= ?')
      .get(newest - this.#mostTicks)
    if (cut?.tick === null || cut?.tick === undefined) return
    const tick = Number(cut.tick)
    this.#db.prepare('DELETE FROM ticks WHERE id <= ?').run(tick)
    this.#db.prepare('DELETE FROM outcomes WHERE tick <= ?').run(tick)
    this.#db.prepare('DELETE FROM memories WHERE tick < ?').run(tick)
  }

  #one<T>(sql: string, key: string): T | undefined {
    const row = this.#db.prepare(sql).get(key)
    return row === undefined ? undefined : (JSON.parse(String(row.json)) as T)
  }

  #attempt(write: () => void): Fault | undefined {
    try {
      write()
      return undefined
    } catch (error) {
      return storeFault(error)
    }
  }
}

function tickIn(row: Readonly<Record<string, unknown>>): Tick {
  const tick = JSON.parse(String(row.json)) as Tick
  if (typeof row.outcomes !== 'string') return tick
  return { ...tick, outcomes: JSON.parse(row.outcomes) as readonly Outcome[] }
}

function storeFault(error: unknown): Fault {
  return fault('E_STORE', `the store can't be used: ${(error as Error).message}`, true)
}
