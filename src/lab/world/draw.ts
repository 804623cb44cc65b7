// Seeded draws from the distributions that the lab needs.
import type { Random } from '../../core/ports.ts'

/** A standard normal number (Box and Muller's transformation). */
export function drawNormal(random: Random): number {
  const radius = Math.sqrt(-2 * Math.log(1 - random()))
  return radius * Math.cos(2 * Math.PI * random())
}

/** Log-normal with this mean and coefficient of variation; with `cv` 0 the mean itself. */
export function drawLogNormal(mean: number, cv: number, random: Random): number {
  if (cv === 0 || mean === 0) return mean
  const variance = Math.log(1 + cv * cv)
  return mean * Math.exp(Math.sqrt(variance) * drawNormal(random) - variance / 2)
}

/** Above this mean the normal approximation is used. */
const NORMAL_FROM = 50

/** A Poisson count; for large means rounded from the normal distribution. */
export function drawPoisson(mean: number, random: Random): number {
  if (!(mean > 0)) return 0
  if (mean >= NORMAL_FROM) {
    return Math.max(0, Math.round(mean + Math.sqrt(mean) * drawNormal(random)))
  }
  const floor = Math.exp(-mean)
  let count = 0
  for (let product = random(); product > floor; product *= random()) count += 1
  return count
}
