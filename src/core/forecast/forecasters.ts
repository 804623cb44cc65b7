// The forecasters: simple ways to say how much demand is coming, each at eight steps of caution.
// What they have in common is that none is trusted: all are rehearsed on the group's own past.

/** A way to forecast. */
export interface Forecaster {
  /** For people: what it goes by. */
  readonly words: string
  /** How long it keeps a peak in mind, in turnovers (a boot and a drain). */
  readonly keeps: number
  /** Whether a rise is taken to go on until an instance started now is ready. */
  readonly trend: boolean
  /** Caution: times the forecast, or so many deviations on top of it. */
  readonly by: 'factor' | 'spread'
  /** Looks at the same part of earlier periods: which of SEASONS. */
  readonly season?: number
}

/** Steps of caution of those that multiply. */
export const FACTORS: readonly number[] = [1.05, 1.1, 1.2, 1.35, 1.6, 2, 3, 4.5]
/** Steps of caution of those that add deviations. */
export const DEVIATIONS: readonly number[] = [0.5, 1, 1.5, 2, 3, 4, 6, 9]
/** Steps of each forecaster. */
export const STEPS = 8

/** Periods that people and their clocks bring, and the parts they are seen in, in seconds. */
export const SEASONS: readonly {
  readonly words: string
  readonly periodS: number
  readonly bucketS: number
}[] = [
  { words: 'half hour', periodS: 1_800, bucketS: 30 },
  { words: 'hour', periodS: 3_600, bucketS: 30 },
  { words: 'day', periodS: 86_400, bucketS: 300 },
]

const KEEPS: readonly number[] = [1, 5, 20, 120]

/** All of them. */
export const FORECASTERS: readonly Forecaster[] = [
  ...KEEPS.flatMap((keeps) =>
    [false, true].map((trend) => ({
      words: `the peak of late${trend ? ' and its trend' : ''}`,
      ...{ keeps, trend, by: 'factor' as const },
    })),
  ),
  ...[1, 20].map((keeps) => ({
    words: 'the peak of late and how much it varies',
    ...{ keeps, trend: true, by: 'spread' as const },
  })),
  ...SEASONS.map(({ words }, season) => ({
    words: `the same part of the ${words}`,
    ...{ keeps: 1, trend: true, by: 'factor' as const, season },
  })),
]

/** How many there are. */
export const COUNT = FORECASTERS.length

/** By forecaster: see Forecaster. */
export const KEPT: readonly number[] = FORECASTERS.map(({ keeps }) => keeps)
/** By forecaster: see Forecaster. */
export const TRENDING: readonly boolean[] = FORECASTERS.map(({ trend }) => trend)
/** Which ones look at a season, and which ones go by the spread. */
export const SEASONAL: readonly number[] = indexes(({ season }) => season !== undefined)
/** See SEASONAL. */
export const SPREADING: readonly number[] = indexes(({ by }) => by === 'spread')

function indexes(has: (one: Forecaster) => boolean): readonly number[] {
  return FORECASTERS.flatMap((one, f) => (has(one) ? [f] : []))
}

/** By forecaster and step: the factor of the forecast, and of its spread. */
export const TIMES: readonly number[] = FORECASTERS.flatMap(({ by }) =>
  by === 'factor' ? FACTORS : DEVIATIONS.map(() => 1),
)
/** See TIMES. */
export const SPREADS: readonly number[] = FORECASTERS.flatMap(({ by }) =>
  by === 'factor' ? FACTORS.map(() => 0) : DEVIATIONS,
)

/** Caution of a group without history: the more, the longer an instance takes to come. */
const FIRST_MORE = 0.6
const FIRST_KEEPS = 4
const LONG_BOOT_S = 50
const KEEPS_WEIGHT = 0.1
const NO_TREND = 0.1
const SEASON = 0.3

/** What a group without history begins with, as logarithms of a factor and of turnovers. */
export interface FirstChoice {
  readonly factor: number
  readonly keeps: number
}

/** The first choice where a boot takes so many seconds. */
export function firstChoice(bootS: number): FirstChoice {
  const share = Math.min(1, bootS / LONG_BOOT_S)
  return { factor: Math.log(1 + FIRST_MORE * share), keeps: Math.log(1 + FIRST_KEEPS * share) }
}

const FACTOR_LOGS: readonly number[] = FORECASTERS.flatMap(() => FACTORS.map(Math.log))
const KEEPS_LOGS: readonly number[] = FORECASTERS.flatMap(({ keeps }) =>
  FACTORS.map(() => Math.log(keeps)),
)
const OFFSETS: readonly number[] = FORECASTERS.flatMap(({ trend, season }) =>
  FACTORS.map(() => (trend ? 0 : NO_TREND) + (season === undefined ? 0 : SEASON)),
)

/**
 * How far a forecaster at a step, both in one index, begins from the first choice. One is the cost
 * of the group's peak for a headstart.
 */
export function handicap(index: number, first: FirstChoice): number {
  const factor = Math.abs((FACTOR_LOGS[index] ?? 0) - first.factor)
  const keeps = Math.abs((KEEPS_LOGS[index] ?? 0) - first.keeps)
  return factor + keeps * KEEPS_WEIGHT + (OFFSETS[index] ?? 0)
}
