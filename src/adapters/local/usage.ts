// CPU and memory of instances, summed over each one's session, from two looks at /proc.
import type { Reading } from '../../core/model.ts'
import { type ProcessStat, TICKS_PER_SECOND } from './procfs.ts'

/** CPU is averaged over about this long. */
const WINDOW_MS = 3_000
const LEAST_MS = 900

interface Sample {
  readonly atMs: number
  readonly ticks: number
}

/** Keeps the samples of every session it is shown. */
export class Usage {
  readonly #samples = new Map<number, Sample[]>()

  /** Takes one sample of each session; sessions that are gone are dropped. */
  sample(processes: readonly ProcessStat[], sessions: readonly number[], nowMs: number): void {
    for (const known of this.#samples.keys()) {
      if (!sessions.includes(known)) this.#samples.delete(known)
    }
    for (const session of sessions) {
      const ticks = processes
        .filter((p) => p.session === session)
        .reduce((sum, p) => sum + p.cpuTicks, 0)
      const samples = this.#samples.get(session) ?? []
      const last = samples.at(-1)
      if (last === undefined || nowMs - last.atMs >= 300) samples.push({ atMs: nowMs, ticks })
      while (samples.length > 2 && nowMs - (samples[1]?.atMs ?? nowMs) >= WINDOW_MS) samples.shift()
      this.#samples.set(session, samples)
    }
  }

  /** Percent of one core over the window. */
  cpuPercent(session: number): Reading {
    const samples = this.#samples.get(session) ?? []
    const first = samples[0]
    const last = samples.at(-1)
    if (first === undefined || last === undefined || last.atMs - first.atMs < LEAST_MS) {
      return { kind: 'missing', reason: 'watched for less than a second' }
    }
    // A child that ended takes its time with it; the sum may fall, the use can not be negative.
    const ticks = Math.max(0, last.ticks - first.ticks)
    const value = (ticks / TICKS_PER_SECOND / ((last.atMs - first.atMs) / 1000)) * 100
    return { kind: 'value', value, atMs: last.atMs }
  }
}

/** Resident memory of a session. */
export function memoryOf(
  processes: readonly ProcessStat[],
  session: number,
  nowMs: number,
): Reading {
  const own = processes.filter((p) => p.session === session)
  if (own.length === 0) return { kind: 'missing', reason: 'no process' }
  return { kind: 'value', value: own.reduce((sum, p) => sum + p.rssBytes, 0), atMs: nowMs }
}
