// What came by the clock is looked up ahead of its time; what came by chance gets no share.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MIDNIGHT, rehearsed } from '../../../tests/simulation/demand.ts'
import { SEASONAL, SEASONS } from './forecasters.ts'
import type { Season } from './model.ts'
import { firstSeasons, nextSeasons } from './season.ts'

const HOUR = 1

function lived(rate: (t: number) => number, seconds: number, bootS = 45): readonly Season[] {
  let seasons = firstSeasons()
  for (let t = 0; t < seconds; t += 5) {
    seasons = nextSeasons(seasons, rate(t), MIDNIGHT + t * 1_000, bootS)
  }
  return seasons
}

const BUSY_S = 17 * 60
const hourly = (t: number) => (t % 3_600 >= BUSY_S && t % 3_600 < BUSY_S + 120 ? 900 : 100)

test('demand of the same minute of every hour is seen a boot ahead, and no earlier', () => {
  const aheadAt = (beforeS: number, bootS: number) => {
    return lived(hourly, 3 * 3_600 + BUSY_S - beforeS, bootS)[HOUR]?.ahead ?? 0
  }
  assert.ok(aheadAt(45, 45) >= 800)
  assert.ok(aheadAt(200, 200) >= 800)
  // Two parts of half a minute more than the boot are looked at, at most.
  assert.equal(aheadAt(200, 45), 100)
  assert.equal(aheadAt(-300, 45), 100)
})

test('nothing is ahead before a period is over', () => {
  assert.deepEqual(
    lived(hourly, 900).map(({ ahead }) => ahead),
    [0, 0, 0],
  )
  assert.ok(lived(hourly, 1_800 + BUSY_S)[0]?.ahead === 900)
  assert.equal(lived(hourly, 1_800 + BUSY_S)[HOUR]?.ahead, 0)
})

test('a profile has as many parts as its period, however long demand is watched', () => {
  const seasons = lived(hourly, 86_400 + 7_200, 100_000)
  const lengths = seasons.map(({ profile }) => profile.length)
  assert.deepEqual(lengths, [60, 120, 288])
  assert.deepEqual(
    SEASONS.map(({ periodS, bucketS }) => periodS / bucketS),
    lengths,
  )
  for (const { profile, ahead } of seasons) {
    assert.ok(profile.every((part) => part === 100 || (part > 100 && part <= 900)))
    assert.equal(ahead, Math.max(...profile))
  }
})

test('what came once counts less with every period', () => {
  const once = (t: number) => (t < 30 ? 1_000 : 0)
  const part = (hours: number) => lived(once, hours * 3_600 + 60)[HOUR]?.profile[0] ?? 0
  assert.equal(part(0), 1_000)
  assert.ok(Math.abs(part(10) - 1_000 * 0.97 ** 10) < 1e-9)
})

test('a gap, and a clock that is set back, leave what is known', () => {
  const known = lived(hourly, 2 * 3_600)
  const [, before] = known
  const later = nextSeasons(known, 5, MIDNIGHT + 500 * 3_600_000 + 7_000, 45)[HOUR]
  const earlier = nextSeasons(known, 5, MIDNIGHT - 3_600_000, 45)[HOUR]
  for (const after of [later, earlier]) {
    const differing = after?.profile.filter((part, i) => part !== before?.profile[i])
    assert.ok((differing?.length ?? 9) <= 1)
    assert.equal(after?.current, 5)
  }
})

test('the clock has most of the plan where demand comes by it, nothing where it comes by chance', () => {
  const share = (rate: (t: number) => number) => {
    const { times } = rehearsed(rate, { seconds: 20 * 3_600 }).blend
    const all = times.reduce((sum, one) => sum + one, 0)
    return SEASONAL.reduce((sum, f) => sum + (times[f] ?? 0), 0) / all
  }
  assert.ok(share(hourly) > 0.8)
  // Once an hour, and never in the same part of it as before.
  const starts = Array.from({ length: 20 }, (_, i) => i * 3_600 + ((i * 2_003) % 3_400))
  const byChance = (t: number) => (starts.some((s) => t >= s && t < s + 120) ? 900 : 100)
  assert.ok(share(byChance) < 0.1)
  assert.ok(share(() => 100) < 0.01)
})
