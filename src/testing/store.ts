// The conformance suite for the Store port: what was kept is there again, what can't be is said.
import { strict as assert } from 'node:assert'
import { afterEach, beforeEach, describe, test } from 'node:test'
import type { Action, Memory, Observation, Spec, Tick } from '../core/model.ts'
import type { Store } from '../core/ports.ts'

/** A store under test. */
export interface StoreSubject {
  readonly store: Store
  /** The same store as the next process finds it. */
  reopen(): Store
  /** Makes every write fail until the returned function is called. */
  breakWrites(): () => void
  /** Removes what was made. */
  dispose(): void
}

/** Runs the suite with `node:test`. `create` makes an empty store that keeps about `mostTicks`. */
export function storeConformance(name: string, create: (mostTicks?: number) => StoreSubject): void {
  describe(`store conformance: ${name}`, () => {
    let subject: StoreSubject
    beforeEach(() => {
      subject = create()
    })
    afterEach(() => subject.dispose())
    keeping(() => subject)
    asking(() => subject)
    cutting(create)
    breaking(() => subject)
  })
}

function keeping(subject: () => StoreSubject): void {
  test('an empty store has nothing to recover', () => {
    assert.deepEqual(subject().store.recover(), { ticks: [], lastId: 0 })
    assert.equal(subject().store.tick(1), undefined)
    assert.equal(subject().store.spec('none'), undefined)
    assert.deepEqual(subject().store.ticks({ limit: 10 }), [])
  })

  test('a plan without outcomes survives, and is completed afterwards', () => {
    const done = tickOf(1, { actions: [start('web')] })
    const { outcomes: _none, ...planned } = done
    assert.equal(subject().store.plan(planned), undefined)
    const next = subject().reopen()
    assert.deepEqual(next.tick(1), planned)
    assert.deepEqual(next.recover(), { ticks: [planned], lastId: 1 })
    assert.equal(next.finish(done), undefined)
    assert.deepEqual(subject().reopen().tick(1), done)
  })

  test('a plan completed by the same process is one tick, and a new plan of its number replaces it', () => {
    const { store } = subject()
    const done = tickOf(1, { actions: [start('web')] })
    const { outcomes: _none, ...planned } = done
    store.plan(planned)
    assert.equal(store.finish(done, memoryOf(1)), undefined)
    const found = { memory: memoryOf(1), ticks: [], lastId: 1 }
    assert.deepEqual([store.tick(1), store.ticks({ limit: 2 })], [done, [done]])
    const next = subject().reopen()
    assert.deepEqual([next.tick(1), next.recover()], [done, found])
    next.plan(planned)
    assert.deepEqual(next.tick(1), planned)
  })

  test('recover gives the newest memory and the later ticks, oldest first', () => {
    const { store } = subject()
    for (let id = 1; id <= 12; id++) {
      const kept = id === 4 || id === 9 ? memoryOf(id) : undefined
      assert.equal(store.finish(tickOf(id), kept), undefined)
    }
    const found = subject().reopen().recover()
    assert.ok(!('code' in found))
    assert.deepEqual(found.memory, memoryOf(9))
    assert.deepEqual(ids(found.ticks), [10, 11, 12])
    assert.equal(found.lastId, 12)
  })

  test('recover right after a kept memory has no tick to fold in, but knows the last number', () => {
    subject().store.finish(tickOf(7), memoryOf(7))
    assert.deepEqual(subject().reopen().recover(), { memory: memoryOf(7), ticks: [], lastId: 7 })
  })

  test('the history leads from a kept memory to the ticks since a time, in order', () => {
    const { store } = subject()
    for (let id = 1; id <= 12; id++) {
      store.finish(tickOf(id), id === 4 || id === 9 ? memoryOf(id) : undefined)
    }
    const next = subject().reopen()
    const from = (sinceMs: number) =>
      [...next.history(sinceMs)].map((k) => (k.kind === 'tick' ? k.tick.id : `memory ${k.after}`))
    assert.deepEqual(from(0), [1, 2, 3, 4, 'memory 4', 5, 6, 7, 8, 9, 'memory 9', 10, 11, 12])
    assert.deepEqual(from(7_000), ['memory 4', 5, 6, 7, 8, 9, 'memory 9', 10, 11, 12])
    assert.deepEqual(from(10_000), ['memory 9', 10, 11, 12])
    assert.deepEqual(from(13_000), [])
    const [memory, tick] = next.history(12_000)
    assert.deepEqual(memory, { kind: 'memory', after: 9, memory: memoryOf(9) })
    assert.deepEqual(tick, { kind: 'tick', tick: tickOf(10) })
  })

  test('specifications are found by their hash, and can be saved again', () => {
    const { store } = subject()
    for (const hash of ['a', 'b', 'a']) assert.equal(store.saveSpec(specOf(hash)), undefined)
    const next = subject().reopen()
    assert.deepEqual(next.spec('a'), specOf('a'))
    assert.deepEqual(next.spec('b'), specOf('b'))
    assert.equal(next.spec('c'), undefined)
  })
}

function asking(subject: () => StoreSubject): void {
  test('ticks come newest first, `limit` of them, older than `before`', () => {
    fill(subject().store, 30)
    const next = subject().reopen()
    assert.deepEqual(ids(next.ticks({ limit: 3 })), [30, 29, 28])
    assert.deepEqual(ids(next.ticks({ limit: 2, before: 10 })), [9, 8])
    assert.deepEqual(ids(next.ticks({ limit: 5, before: 3 })), [2, 1])
    assert.deepEqual(ids(next.ticks({ limit: 5, before: 1 })), [])
  })

  test('`changedOnly` and `group` choose before `limit` counts', () => {
    const { store } = subject()
    for (let id = 1; id <= 40; id++) {
      if (id === 5) store.finish(tickOf(id, { actions: [start('web')] }))
      else if (id === 6) store.finish(tickOf(id, { moved: 'jobs' }))
      else if (id === 7) store.finish(tickOf(id, { moved: 'web' }))
      else store.finish(tickOf(id))
    }
    const next = subject().reopen()
    assert.deepEqual(ids(next.ticks({ limit: 10, changedOnly: true })), [7, 6, 5])
    assert.deepEqual(ids(next.ticks({ limit: 10, changedOnly: true, group: 'web' })), [7, 5])
    assert.deepEqual(ids(next.ticks({ limit: 1, changedOnly: true, group: 'jobs' })), [6])
    assert.deepEqual(ids(next.ticks({ limit: 1, group: 'jobs' })), [6])
    assert.deepEqual(ids(next.ticks({ limit: 1, group: 'web', before: 7 })), [5])
    assert.deepEqual(ids(next.ticks({ limit: 10, group: 'nobody' })), [])
  })
}

function cutting(create: (mostTicks?: number) => StoreSubject): void {
  test('history is bounded, and cut only where a memory was kept', () => {
    const subject = create(100)
    for (let id = 1; id <= 1_600; id++) {
      const kept = id % 50 === 0 ? memoryOf(id) : undefined
      assert.equal(subject.store.finish(tickOf(id), kept), undefined)
    }
    const left = ids(subject.reopen().ticks({ limit: 1_000 }))
    subject.dispose()
    const oldest = left.at(-1) ?? 0
    assert.equal(left[0], 1_600)
    assert.ok(left.length >= 100 && left.length <= 750, `${left.length} ticks are kept`)
    assert.equal(left.length, 1_600 - oldest + 1, 'there is a hole in the history')
    assert.equal((oldest - 1) % 50, 0, `cut before ${oldest}, where no memory was kept`)
  })

  test('without a kept memory nothing is cut', () => {
    const subject = create(100)
    fill(subject.store, 900)
    const left = subject.reopen().ticks({ limit: 1_000 })
    subject.dispose()
    assert.equal(left.length, 900)
  })
}

function breaking(subject: () => StoreSubject): void {
  test('a write that fails is a fault within a second; reading goes on; then it works again', () => {
    const { store } = subject()
    store.finish(tickOf(1), memoryOf(1))
    const heal = subject().breakWrites()
    const writes = [
      () => store.plan(tickOf(2)),
      () => store.finish(tickOf(2), memoryOf(2)),
      () => store.saveSpec(specOf('a')),
    ]
    for (const write of writes) {
      const began = performance.now()
      const fault = write()
      assert.equal(fault?.code, 'E_STORE')
      assert.equal(fault.retryable, true)
      // The mark is one second; the margin is for a busy machine.
      assert.ok(performance.now() - began < 2_000, `${performance.now() - began} ms`)
    }
    assert.deepEqual(store.tick(1), tickOf(1))
    assert.equal(store.tick(2), undefined)
    heal()
    for (const write of writes) assert.equal(write(), undefined)
    const next = subject().reopen()
    assert.deepEqual(next.recover(), { memory: memoryOf(2), ticks: [], lastId: 2 })
    assert.deepEqual(next.spec('a'), specOf('a'))
  })
}

function fill(store: Store, count: number): void {
  for (let id = 1; id <= count; id++) assert.equal(store.finish(tickOf(id)), undefined)
}

function ids(ticks: readonly Tick[]): number[] {
  return ticks.map((t) => t.id)
}

function start(group: string): Action {
  return { kind: 'start', group, instance: `${group}-1`, generation: 'a.0', reason: '1 wanted' }
}

// A finished tick in which nothing happened, but for the actions and the group that moved.
function tickOf(
  id: number,
  { actions = [], moved }: { actions?: readonly Action[]; moved?: string } = {},
): Tick {
  const group = moved ?? 'web'
  const to = moved === undefined ? 1 : 2
  const reason = `because of "${id}"`
  const rest = { recommendations: [], adjustments: [] }
  return {
    id,
    specHash: 'a',
    coreVersion: '1',
    observation: observationAt(id * 1_000),
    decisions: [{ group, mode: 'enforce', from: 1, to, reason, ...rest }],
    plan: { actions },
    outcomes: actions.map((action) => ({ kind: 'applied', action })),
  }
}

function observationAt(atMs: number): Observation {
  const hostCpuPercent = { kind: 'value', value: 12.5, atMs } as const
  return { atMs, groups: [], hostCpuPercent, hostCores: 2, storeWritable: true, commands: [] }
}

function memoryOf(id: number): Memory {
  const failures = { count: 0, lastAtMs: 0, retryAtMs: 0, reason: '' }
  const web = { desired: id, nextInstance: id, restarts: 0, wants: [], failures, inFlightTrail: [] }
  return { groups: { web }, shutdown: false }
}

function specOf(hash: string): Spec {
  return { app: `shop ${hash}`, hash, intervalMs: 1_000, groups: [], resources: [] }
}
