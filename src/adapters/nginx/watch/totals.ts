// Where a balancer's totals come from: an NGINX of our own counts for itself.
import type { Cancel } from '../../../core/ports.ts'
import type { Counters } from '../control.ts'
import type { Installation } from '../installation.ts'
import type { AccessLog, Logged } from './access-log.ts'
import type { Share } from './readings.ts'

/** Totals at a moment, and what each group has to do with them. */
export interface Sampled {
  readonly counters: Counters
  readonly shares: readonly Share[]
}

/** A source of totals. */
export interface Totals {
  /** Undefined when NGINX does not answer. `cancel` is there when somebody waits for it. */
  sample(shares: () => readonly Share[], cancel?: Cancel): Promise<Sampled | undefined>
  /** A line of the access log came. */
  logged?(line: Logged): void
  /** From now on the access log is listened to, once it is open. */
  follow?(log: AccessLog): void
  letGo?(): void
}

/** The counters of an NGINX that serves nothing but our groups. */
export function ownCounters(installation: Installation): Totals {
  return {
    sample: async (shares, cancel) => {
      const counters = await installation.control.counters(cancel)
      return counters && { counters, shares: shares() }
    },
  }
}
