// What must have happened for fault runs to mean anything: every guard spoke, every kind of fault
// came, and a controller died in every place.
import { GUARDS } from '../../core/guards/chain.ts'
import { DEATHS } from './process.ts'

const FAULTS = [
  'NaN',
  'bad births',
  'balancer down',
  'clock ahead',
  'clock back',
  'command hold',
  'command restart',
  'command scale',
  'duplicate readings',
  'errors',
  'full host',
  'full resource',
  'host unknown',
  'late readings',
  'lost instances',
  'misreported',
  'provider unreachable',
  'sick instances',
  'slow actions',
  'store broken',
  'throttled',
]

const RESULTS = [
  'interrupted plan',
  'manual',
  'outcome applied',
  'outcome failed',
  'outcome skipped',
  'recovered',
  'replacing',
  'replayed',
  'restart',
]

/** Everything that must be marked in enough runs; the guards are those that there are. */
export const EXPECTED_MARKS: readonly string[] = [
  ...GUARDS.map(([name]) => `guard ${name}`),
  ...DEATHS.map((death) => `death ${death}`),
  ...FAULTS,
  ...RESULTS,
]

/** Counts of what happened, over many runs. */
export class Marks {
  readonly #counts = new Map<string, number>()

  add(marks: Iterable<readonly [string, number]>): void {
    for (const [name, count] of marks) this.#counts.set(name, (this.#counts.get(name) ?? 0) + count)
  }

  /** What should have happened and never did. */
  missing(): readonly string[] {
    return EXPECTED_MARKS.filter((name) => !this.#counts.has(name))
  }

  /** By name, in the order of the alphabet. */
  entries(): readonly (readonly [string, number])[] {
    return [...this.#counts].sort(([a], [b]) => (a < b ? -1 : 1))
  }
}
