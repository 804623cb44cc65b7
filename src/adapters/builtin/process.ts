// Entry of the balancer process: `node process.ts STATE_FOLDER`. It serves until told to stop.
import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import type { Fault } from '../../core/model.ts'
import type { BalancerGroup } from '../../core/ports.ts'
import { Control } from './control.ts'
import { takeLock } from './lock.ts'
import { log } from './log.ts'
import { parseGroups } from './parse-groups.ts'
import { type BalancerPaths, balancerPaths } from './paths.ts'
import { bootId, ownIdentity } from './process-identity.ts'
import { Fleet } from './proxy/fleet.ts'

/** How long requests may take to finish after SIGTERM, in milliseconds. */
const SIGTERM_GRACE_MS = 10_000

await main(process.argv[2])

async function main(stateDir: string | undefined): Promise<void> {
  if (!stateDir) throw new Error('usage: process.ts STATE_FOLDER')
  const paths = balancerPaths(stateDir)
  if (!takeLock(paths.lock)) {
    log('another balancer process serves this state folder; leaving')
    return
  }
  keepIdentity(paths)
  const fleet: Fleet = new Fleet({ changed: () => control.changed(), log })
  const stop = once((graceMs: number) => void finish(fleet, graceMs))
  const control: Control = new Control({
    fleet,
    configure: (groups) => configure(paths, fleet, groups),
    stop: (graceMs) => {
      // Asked to end: what was served is not to come back with the next start.
      rmSync(paths.config, { force: true })
      stop(graceMs)
    },
  })
  for (const fault of await fleet.configure(loadConfig(paths.config))) log(fault.message)
  await control.listen(paths.socket)
  process.on('SIGHUP', () => log('the terminal is gone; serving on'))
  process.on('SIGTERM', () => stop(SIGTERM_GRACE_MS)).on('SIGINT', () => stop(SIGTERM_GRACE_MS))
  log(`serving, pid ${process.pid}`)
}

async function configure(
  paths: BalancerPaths,
  fleet: Fleet,
  groups: readonly BalancerGroup[],
): Promise<readonly Fault[]> {
  const faults = await fleet.configure(groups)
  for (const fault of faults) log(fault.message)
  try {
    writeWhole(paths.config, { bootId: bootId(), groups })
  } catch (error) {
    // Serving goes on; only a killed process would come back with older targets.
    log(`the configuration could not be kept: ${String(error)}`)
  }
  return faults
}

function keepIdentity(paths: BalancerPaths): void {
  try {
    writeWhole(paths.identity, ownIdentity())
  } catch (error) {
    // Serving matters more: without it a hung process can't be told for sure, and is left alone.
    log(`the identity could not be kept: ${String(error)}`)
  }
}

/** What was served last. After a reboot the instances are gone, so only the addresses count. */
function loadConfig(path: string): readonly BalancerGroup[] {
  try {
    const kept = JSON.parse(readFileSync(path, 'utf8')) as { bootId?: unknown; groups?: unknown }
    const groups = parseGroups(kept.groups)
    if (typeof groups === 'string') throw new Error(groups)
    const sameBoot = kept.bootId === bootId()
    return groups.map((group) => (sameBoot ? group : { ...group, targets: [] }))
  } catch (error) {
    // The controller sends the configuration anew; until then there is nothing to serve.
    const isFirst = error instanceof Error && 'code' in error && error.code === 'ENOENT'
    if (!isFirst) log(`the kept configuration can't be used: ${String(error)}`)
    return []
  }
}

/** Readers see the old file or the new one, never half of one. */
function writeWhole(path: string, value: unknown): void {
  const temporary = `${path}.new`
  writeFileSync(temporary, JSON.stringify(value), { mode: 0o600 })
  renameSync(temporary, path)
}

async function finish(fleet: Fleet, graceMs: number): Promise<void> {
  log(`stopping, ${fleet.inFlight} in flight`)
  fleet.stopAccepting()
  const endAtMs = performance.now() + graceMs
  while (fleet.inFlight > 0 && performance.now() < endAtMs) {
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  // One more turn, so that the last bytes are handed over.
  await new Promise((resolve) => setTimeout(resolve, 50))
  log(`stopped, ${fleet.inFlight} cut off`)
  process.exit(0)
}

function once(run: (graceMs: number) => void): (graceMs: number) => void {
  let done = false
  return (graceMs) => {
    if (done) return
    done = true
    run(graceMs)
  }
}
