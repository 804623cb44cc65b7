// Demand that comes by the clock: the largest of each part of a period, as it was in earlier ones.
import { SEASONS } from './forecasters.ts'
import type { Season } from './model.ts'

/** What a part had counts so much less a period later. */
const FADE = 0.97

/** Nothing is known of any period. */
export function firstSeasons(): readonly Season[] {
  return SEASONS.map(({ periodS, bucketS }) => ({
    ...{ bucket: -1, current: 0, ahead: 0 },
    profile: new Array<number>(periodS / bucketS).fill(0),
  }))
}

/** All seasons after a level was seen; `bootS` is how far ahead they are to look. */
export function nextSeasons(
  seasons: readonly Season[],
  fast: number,
  atMs: number,
  bootS: number,
): readonly Season[] {
  let changed: Season[] | undefined
  for (const [i, season] of seasons.entries()) {
    const { bucketS } = SEASONS[i] ?? { bucketS: 1 }
    const bucket = Math.floor(atMs / (bucketS * 1_000))
    if (bucket === season.bucket && fast <= season.current) continue
    changed ??= [...seasons]
    changed[i] =
      bucket === season.bucket
        ? { ...season, current: fast }
        : turned(season, bucket, fast, Math.ceil((bootS + bucketS) / bucketS) + 1)
  }
  return changed ?? seasons
}

// A part is over: it is kept, and what comes next is looked up.
function turned(season: Season, bucket: number, fast: number, parts: number): Season {
  const { length } = season.profile
  const profile = [...season.profile]
  if (season.bucket >= 0) {
    const done = season.bucket % length
    profile[done] = Math.max(season.current, (profile[done] ?? 0) * FADE)
  }
  let ahead = 0
  for (let n = 0; n < Math.min(parts, length); n += 1) {
    ahead = Math.max(ahead, profile[(bucket + n) % length] ?? 0)
  }
  return { bucket, current: fast, profile, ahead }
}
