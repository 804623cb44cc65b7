// Chance that can be repeated: a seeded generator for traffic and experiments, not for secrets.
import type { Random } from '../core/ports.ts'

/** Uniform numbers in [0, 1); the same seed gives the same row. Seeds are 32-bit integers. */
export function seeded(seed: number): Random {
  // A Weyl sequence through a 32-bit finaliser; good enough for arrivals, cheap enough per request.
  let state = seed >>> 0
  return () => {
    state = (state + 0x9e3779b9) >>> 0
    let mixed = Math.imul(state ^ (state >>> 16), 0x85ebca6b)
    mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35)
    return ((mixed ^ (mixed >>> 16)) >>> 0) / 2 ** 32
  }
}
