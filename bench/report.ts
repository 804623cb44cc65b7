// What a benchmark is told and the one document it prints, as JSON or as a table for people.
import { type Interval, medianInterval } from './statistics.ts'

/** What can be said to every benchmark; each uses what it knows. */
export interface BenchOptions {
  readonly seed: number
  /** How much of the full measure, 0 to 1; below 1 the figures are a trial, and a note says so. */
  readonly share: number
  /** Only this side, for working on one of them. */
  readonly only: string | undefined
  /** A folder of traffic, for benchmarks that replay some. */
  readonly traces?: string | undefined
  /** Progress, for standard error. */
  readonly progress: (line: string) => void
}

/** What one benchmark printed; the `--json` document. */
export interface BenchDocument {
  readonly bench: string
  /** Interleaved repetitions. */
  readonly rounds: number
  readonly rows: readonly Row[]
  /** What a reader must know to judge the rows. */
  readonly notes: readonly string[]
  /** What lies behind the rows, where a benchmark has more to show than figures. */
  readonly details?: unknown
}

/** One figure. `ratio` is ours to theirs over the rounds; null when theirs is none or 0. */
export interface Row {
  readonly name: string
  readonly rival: string | null
  /** Null only when our side was left out of the run. */
  readonly ours: number | null
  readonly theirs: number | null
  readonly unit: string
  readonly better: 'higher' | 'lower'
  readonly ratio: Interval | null
}

/** The ratio over rounds, from those in which theirs is above zero; null when there is none. */
export function ratioOf(pairs: readonly { ours: number; theirs: number }[]): Interval | null {
  const ratios = pairs.filter(({ theirs }) => theirs > 0).map(({ ours, theirs }) => ours / theirs)
  return ratios.length === 0 ? null : medianInterval(ratios)
}

/** The document as text for a terminal. */
export function renderTable({ bench, rounds, rows, notes }: BenchDocument): string {
  const cells = rows.map((row) => [
    row.name,
    figure(row.ours),
    figure(row.theirs),
    row.rival ?? '-',
    `${row.unit}, ${row.better} is better`,
    ratio(row.ratio),
  ])
  const lines = [['row', 'ours', 'theirs', 'rival', 'unit', 'ours/theirs (95 %)'], ...cells]
  const widths =
    lines[0]?.map((_, i) => Math.max(...lines.map((line) => line[i]?.length ?? 0))) ?? []
  const table = lines.map((line) => line.map((cell, i) => cell.padEnd(widths[i] ?? 0)).join('  '))
  const head = `${bench}, ${rounds} rounds`
  return [head, ...table, ...notes.map((note) => `- ${note}`)].map((s) => s.trimEnd()).join('\n')
}

function figure(value: number | null): string {
  return value === null ? '-' : String(Number(value.toPrecision(4)))
}

function ratio(interval: Interval | null): string {
  if (interval === null) return '-'
  const { median, low, high } = interval
  return `${figure(median)} (${figure(low)} to ${figure(high)})`
}
