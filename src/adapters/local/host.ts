// CPU of the whole machine, from /proc/stat.
import { availableParallelism } from 'node:os'
import type { Reading } from '../../core/model.ts'
import type { Clock, Host } from '../../core/ports.ts'
import { cpuTimes } from './procfs.ts'

const WINDOW_MS = 10_000
const LEAST_MS = 4_000

/** Percent of all cores over about ten seconds; missing until four seconds were seen. */
export function createLocalHost(clock: Clock): Host {
  const samples: { atMs: number; busy: number; total: number }[] = []
  return {
    cores: availableParallelism(),
    async cpuPercent(): Promise<Reading> {
      const times = cpuTimes()
      if (times === undefined) return { kind: 'missing', reason: '/proc/stat can not be read' }
      const nowMs = clock.monotonic()
      const last = samples.at(-1)
      if (last === undefined || nowMs - last.atMs >= 500) samples.push({ atMs: nowMs, ...times })
      while (samples.length > 2 && nowMs - (samples[1]?.atMs ?? nowMs) >= WINDOW_MS) samples.shift()
      const first = samples[0]
      const newest = samples.at(-1)
      if (first === undefined || newest === undefined || newest.atMs - first.atMs < LEAST_MS) {
        return { kind: 'missing', reason: 'watched for less than four seconds' }
      }
      const value = ((newest.busy - first.busy) / Math.max(1, newest.total - first.total)) * 100
      return { kind: 'value', value, atMs: clock.now() }
    },
  }
}
