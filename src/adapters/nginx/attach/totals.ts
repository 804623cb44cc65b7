// Totals of an attached NGINX. Its own counters tell of all that it serves, so they are not used.
// Requests come from the log's lines, so they are counted when they end: exact while each request
// has a line; in a flood an estimate, by the fixed share of those that have none otherwise. In
// flight: connections to targets, which is never too low; idle ones that are kept for a second are
// the difference, so the least of the last second counts.
import { existsSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import type { Installation } from '../installation.ts'
import { place } from '../targets/links.ts'
import type { Share } from '../watch/readings.ts'
import type { Totals } from '../watch/totals.ts'

/** Samples of connections that are looked back on: about one second. */
const LOOK_BACK = 5

/** Totals from the log and the kernel. */
export function attachedTotals(installation: Installation): Totals {
  const { run } = installation.paths
  const watcher = join(run, 'watcher')
  const trails = new Map<string, number[]>()
  let requests = 0
  return {
    sample: async (shares, cancel) => {
      const state = installation.state()
      // Asked where somebody waits for the answer; in between the master's life is enough.
      if (cancel && state.groups.length > 0 && !(await installation.control.generation(cancel))) {
        return undefined
      }
      const least = shares().map((share) => withLeast(share, trails))
      const busy = least.reduce((sum, { connections }) => sum + connections, 0)
      return { counters: { requests, busy }, shares: least }
    },
    logged: (line) => {
      // Without a bias at any rate: a line of the share counts only where it is the only one.
      requests += line.isSampled ? 1 : line.share
    },
    follow: (log) => {
      void log.opened.then(() => {
        // It may have been let go of by the time it is open.
        if (log.isOpen && existsSync(run)) place(watcher, `/proc/${process.pid}`)
      })
    },
    letGo: () => rmSync(watcher, { force: true }),
  }
}

function withLeast(share: Share, trails: Map<string, number[]>): Share {
  const trail = [...(trails.get(share.group) ?? []), share.connections].slice(-LOOK_BACK)
  trails.set(share.group, trail)
  // Each line is one request, whatever the way to the target.
  return { ...share, reach: 'unix', connections: Math.min(...trail) }
}
