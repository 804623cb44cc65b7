// Stored ticks come out as they were decided, a change of the code shows, and what is not known is
// not judged.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { groupSpec, Loop, specOf } from '../../tests/simulation/loop.ts'
import { MemoryStore } from '../adapters/memory/store.ts'
import { MemoryWorld } from '../adapters/memory/world.ts'
import { decide } from '../core/decide.ts'
import type { Memory, Tick } from '../core/model.ts'
import { type Replayed, replay } from './replay.ts'
import { THOUGHT } from './turn.ts'

const LOAD = { serviceMs: 100, slots: 10 }

/** Ticks of two minutes in which the load goes up and down, and what each left. */
async function run(): Promise<{ readonly loop: Loop; readonly memories: readonly Memory[] }> {
  const world = new MemoryWorld()
  const loop = new Loop(world, specOf([groupSpec()]))
  const memories: Memory[] = []
  for (let second = 0; second < 120; second++) {
    const rps = second < 20 || second > 60 ? 60 : 600
    world.balancer.load.set('web', { ...LOAD, rps })
    await loop.turn()
    memories.push(loop.memory)
  }
  return { loop, memories }
}

const { loop, memories } = await run()

/** The store as a run with these ticks has left it. */
function storeWith(ticks: readonly (Tick | undefined)[], keptEvery = 50): MemoryStore {
  const store = new MemoryStore()
  store.saveSpec(loop.spec)
  for (const [i, tick] of ticks.entries()) {
    const memory = i % keptEvery === keptEvery - 1 ? memories[i] : undefined
    if (tick !== undefined) store.finish(tick, memory)
  }
  return store
}

function counts({ ticks, skipped, difference }: Replayed): readonly (number | undefined)[] {
  return [ticks, skipped, difference?.tick.id]
}

test('every decision comes out as it was made, from the beginning and from a kept memory', () => {
  const store = storeWith(loop.ticks)
  assert.ok(loop.ticks.some((t) => t.decisions.some((d) => d.to > d.from)))
  assert.ok(loop.ticks.some((t) => t.decisions.some((d) => d.to < d.from)))
  assert.deepEqual(counts(replay(store, 0)), [120, 0, undefined])
  const sinceMs = loop.ticks[110]?.observation.atMs ?? 0
  // Those before it are needed to know what it was decided on.
  assert.deepEqual(counts(replay(store, sinceMs)), [20, 0, undefined])
  assert.deepEqual(counts(replay(store, Number.MAX_SAFE_INTEGER)), [0, 0, undefined])
})

test('a stored decision that was changed is found', () => {
  const ticks = loop.ticks.map((tick) => {
    if (tick.id !== 77) return tick
    return { ...tick, decisions: tick.decisions.map((d) => ({ ...d, to: d.to + 1 })) }
  })
  const { difference, ...rest } = replay(storeWith(ticks), 0)
  assert.deepEqual([difference?.tick.id, difference?.group, rest.ticks], [77, 'web', 77])
  assert.equal(difference?.stored?.to, (difference?.today?.to ?? 0) + 1)
})

test('a change of the code shows at the first decision that it changes', () => {
  const without = { part: 'guard', name: 'cooldown' } as const
  const thought = {
    ...THOUGHT,
    decide: (...[s, o, m]: Parameters<typeof decide>) => decide(s, o, m, without),
  }
  const { difference } = replay(storeWith(loop.ticks), 0, { thought })
  const first = loop.ticks.find((t) =>
    t.decisions[0]?.adjustments.some((a) => a.guard === 'cooldown'),
  )
  assert.equal(difference?.tick.id, first?.id)
})

test('after ticks that are missing nothing is judged until a memory was kept', () => {
  const ticks = loop.ticks.map((tick, i) => (i >= 29 && i < 35 ? undefined : tick))
  assert.deepEqual(counts(replay(storeWith(ticks), 0)), [99, 15, undefined])
})

test('after a plan without outcomes nothing is judged, unless a new controller began there', () => {
  const cut = loop.ticks.map((tick, i): Tick => {
    if (i !== 29) return tick
    const { outcomes: _lost, ...planned } = tick
    return planned
  })
  assert.deepEqual(counts(replay(storeWith(cut), 0)), [100, 20, undefined])
  const begun = cut.map((tick, i): Tick => (i === 30 ? { ...tick, begins: true } : tick))
  assert.deepEqual(counts(replay(storeWith(begun), 0)), [120, 0, undefined])
})

test('ticks whose specification is gone are not judged', () => {
  const ticks = loop.ticks.map((t) => (t.id === 10 ? { ...t, specHash: 'gone' } : t))
  assert.deepEqual(counts(replay(storeWith(ticks), 0)), [79, 41, undefined])
})
