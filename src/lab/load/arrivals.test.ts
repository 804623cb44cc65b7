// Arrivals by seed: repeatable, and as many as the profile asks for.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { seeded } from '../random.ts'
import { arrivals, profileSeconds } from './arrivals.ts'

const mix = { faultRatio: 0.01, postRatio: 0.5 }
const draw = (seed: number) => [
  ...arrivals(
    [
      { seconds: 20, rps: 100 },
      { seconds: 20, rps: 600 },
      { seconds: 20, rps: 600, toRps: 0 },
    ],
    mix,
    seeded(seed),
  ),
]
const between = (value: number, low: number, high: number): void =>
  assert.ok(value >= low && value <= high, `${value} is not within ${low} and ${high}`)

test('the same seed gives the same arrivals, another seed others', () => {
  assert.deepEqual(draw(7), draw(7))
  assert.notDeepEqual(draw(7), draw(8))
})

test('arrivals follow the profile, in order', () => {
  const all = draw(7)
  const count = (from: number, to: number): number =>
    all.filter(({ dueMs }) => dueMs >= from * 1_000 && dueMs < to * 1_000).length
  between(count(0, 20), 1_800, 2_200)
  between(count(20, 40), 11_500, 12_500)
  between(count(40, 50), 4_200, 4_800)
  between(count(50, 60), 1_300, 1_700)
  assert.ok(all.every((one, i) => i === 0 || one.dueMs >= (all[i - 1]?.dueMs ?? 0)))
})

test('half are POSTs with a JSON body, one in a hundred asks for a fault of either kind', () => {
  const shots = draw(7).map(({ shot }) => shot)
  const posts = shots.filter(({ method }) => method === 'POST')
  between(posts.length / shots.length, 0.47, 0.53)
  for (const { body = '' } of posts) assert.equal(typeof JSON.parse(body), 'object')
  const marked = shots.filter(({ mark }) => mark !== undefined)
  between(marked.length / shots.length, 0.006, 0.014)
  between(marked.filter(({ mark }) => mark === 'late').length / marked.length, 0.3, 0.7)
})

test('a profile lasts whole seconds and may be silent', () => {
  assert.equal(
    profileSeconds([
      { seconds: 2, rps: 1 },
      { seconds: 3, rps: 1 },
    ]),
    5,
  )
  assert.throws(() => profileSeconds([{ seconds: 1.5, rps: 1 }]), RangeError)
  assert.deepEqual([...arrivals([{ seconds: 5, rps: 0 }], mix, seeded(1))], [])
})
