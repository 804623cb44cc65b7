// The level rule equals the cheapest of all schedules, found by trying every one.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { type BoundOptions, boundHours, clairvoyant, needOf } from './bound.ts'
import { worldOf } from './world/world.ts'

// Dynamic programme over (second, ready instances): nothing is known of levels here.
function bruteForce(need: readonly number[], { bootS, drainS, initial }: BoundOptions): number {
  const most = Math.max(initial, ...need)
  const sizes = Array.from({ length: most + 1 }, (_, n) => n)
  let costs = sizes.map((n) => (n === initial ? 0 : Number.POSITIVE_INFINITY))
  need.forEach((least, t) => {
    const drain = Math.min(drainS, need.length - t)
    costs = sizes.map((n) => {
      if (n < least) return Number.POSITIVE_INFINITY
      const ways = sizes.map((m) => {
        const change = n > m ? (n - m) * bootS : (m - n) * drain
        return (costs[m] ?? Number.POSITIVE_INFINITY) + change
      })
      return Math.min(...ways) + n
    })
  })
  return Math.min(...costs)
}

test('the bound is the cheapest schedule', () => {
  const needs = fc.array(fc.integer({ min: 0, max: 3 }), { minLength: 1, maxLength: 14 })
  const small = fc.integer({ min: 0, max: 4 })
  fc.assert(
    fc.property(needs, small, small, fc.integer({ min: 0, max: 3 }), (need, ...rest) => {
      const [bootS, drainS, initial] = rest
      const options = { bootS, drainS, initial }
      assert.equal(clairvoyant(need, options), bruteForce(need, options))
    }),
    { numRuns: 2_000 },
  )
})

test('worked by hand: a gap shorter than boot and drain is bridged, a longer one is not', () => {
  const options = { bootS: 2, drainS: 1, initial: 0 }
  // Boot 2, serve 1, keep 3, serve 1; the drain ends with the world.
  assert.equal(clairvoyant([1, 0, 0, 0, 1], options), 7)
  // Boot 2, serve 1, drain 1, boot 2, serve 1.
  assert.equal(clairvoyant([1, 0, 0, 0, 0, 0, 1], options), 7)
})

test('needs follow the traffic, allow for the wait, and keep to the minimum', () => {
  const world = worldOf(Float64Array.from([0, 0, 0, 0, 0, 425, 425, 425, 425]), {})
  // 4 × 425 requests in 4.25 s at 50 a second are 8; the last second has 1.25 s.
  assert.equal(needOf(world)[5], 8)
  assert.equal(needOf(world)[0], 1)
  assert.ok(boundHours(world) > 0)
})
