// What everybody reaches in one world: the oracle, the bound, every rival at every setting, and
// Plimsoll.
import { boundHours, needOf } from '../../src/lab/bound.ts'
import { PLIMSOLL, type PlimsollVariant } from '../../src/lab/plimsoll.ts'
import type { PolicyMaker } from '../../src/lab/policy.ts'
import { isOnEdge, RIVALS, settingName } from '../../src/lab/rivals/field.ts'
import { type Elasticity, elasticityOf } from '../../src/lab/score/elasticity.ts'
import type { Score } from '../../src/lab/score/tally.ts'
import { bestOracle, type Oracle, tuneRival } from '../../src/lab/tune.ts'
import { runPolicy } from '../../src/lab/world/run.ts'
import type { NamedWorld } from './worlds.ts'

/** The share of violations that counts as the SLO met, in percent. */
export const SLO_PERCENT = 0.1

/** A setting of a policy and its figures in one world. */
export interface Entry extends Score {
  readonly setting: string
  readonly isOnEdge: boolean
}

/** A run whose supply was compared with what was needed. */
export interface Followed extends Score {
  readonly elasticity: Elasticity
}

/** One policy in one world. */
export interface Measured {
  readonly policy: string
  readonly defaults: Followed
  readonly grid: readonly Entry[]
}

/** Everybody in one world. */
export interface Result {
  readonly world: Omit<NamedWorld, 'world'>
  readonly seconds: number
  readonly oracle: Oracle
  readonly boundHours: number
  readonly rivals: readonly Measured[]
  readonly ours: Measured
}

/** Which of Plimsoll's variants is measured: the one by name, else what a group gets unasked. */
export function variantOf(name: string | undefined): PlimsollVariant {
  const variant = PLIMSOLL.find((v) => v.name === name) ?? PLIMSOLL.at(-1)
  if (variant === undefined) throw new Error('there is no variant of Plimsoll')
  return variant
}

/** Runs everything in a world. */
export function measure(named: NamedWorld, variant: PlimsollVariant): Result {
  const { world, ...rest } = named
  const need = needOf(world)
  const follow = (make: PolicyMaker): Followed => {
    const supply = new Uint32Array(need.length)
    const score = runPolicy(world, make, { supply })
    return { ...score, elasticity: elasticityOf(need, supply) }
  }
  return {
    world: rest,
    seconds: world.arrivals.length,
    oracle: bestOracle(world, SLO_PERCENT),
    boundHours: boundHours(world),
    rivals: RIVALS.map((rival) => ({
      policy: rival.name,
      defaults: follow(rival.defaults),
      grid: tuneRival(world, rival).map(({ setting, ...score }) => ({
        ...score,
        setting: settingName(setting),
        isOnEdge: isOnEdge(rival, setting),
      })),
    })),
    ours: {
      policy: variant.name,
      defaults: follow(variant.defaults),
      grid: variant.front.map(({ knob, make }) => ({
        ...runPolicy(world, make),
        setting: knob,
        isOnEdge: false,
      })),
    },
  }
}
