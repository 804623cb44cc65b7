// Starts NGINX, or finds the one that runs. Workers that a killed master left behind go on serving
// until the new ones do, and are then ended gracefully.
import { fault } from '../../core/errors.ts'
import type { Fault } from '../../core/model.ts'
import type { Cancel, Clock } from '../../core/ports.ts'
import type { Installation } from './installation.ts'
import { clientsLeft } from './leaving.ts'
import { whileMigrating } from './migrate.ts'
import {
  findProcesses,
  isLeaving,
  isRunning,
  launch,
  type NginxIdentity,
  signal,
  writeIdentity,
} from './process.ts'
import { lastTrouble, writeConfig } from './reload.ts'
import type { GroupState } from './state.ts'
import type { Now } from './targets/groups.ts'
import { makeEpoch, makeFolders, removeEpochs } from './targets/links.ts'

/** How long a new NGINX may take until it serves, and an old worker until it lets go. */
const START_MS = 5_000
const LEAVE_MS = 2_000
/** How long a master that runs may stay silent before it counts as hung. */
const SILENCE_MS = 4_000
const POLL_MS = 10
/** A request that an old worker took on its way to a target has long arrived by then. */
const SETTLE_MS = 200
/** On a busy machine a worker that says it leaves may still wait for its turn to do so. */
const LET_GO_MS = 500

/** What NGINX is started with. */
export interface Starting {
  readonly installation: Installation
  readonly nginx: string
  readonly now: Now
  readonly cancel: Cancel
}

/** Undefined when it serves; E_BALANCER or E_TIMEOUT when it does not. */
export async function startNginx(starting: Starting): Promise<Fault | undefined> {
  const { installation } = starting
  installation.prepare()
  const { paths } = installation
  const { master, leftovers } = findProcesses(paths.prefix)
  if (master) {
    writeIdentity(paths.identity, master)
    installation.follow(installation.state())
    const isUp = await serves(starting, SILENCE_MS, () => undefined)
    // Whoever started it may have ended before it let them go.
    if (isUp) await clientsMoved(starting, leftovers)
    await release(starting, leftovers)
    if (isUp) return undefined
    return fault('E_TIMEOUT', `NGINX (pid ${master.pid}) runs, but does not answer`, true)
  }
  const failure = await startMaster(starting)
  if (failure === undefined) await clientsMoved(starting, leftovers)
  await release(starting, leftovers)
  if (failure === undefined || leftovers.length === 0) return failure
  // They may hold what it needs: once more without them.
  await gone(starting, leftovers)
  return startMaster(starting)
}

// Before old workers close what is idle, clients go over to the new ones.
async function clientsMoved(
  { installation, now, cancel }: Starting,
  leftovers: readonly NginxIdentity[],
): Promise<void> {
  if (leftovers.length === 0) return
  const { clock } = installation
  const { generation, groups } = installation.state()
  const ports = new Set(groups.map(({ group }) => group.listen.port))
  const begin = (old: number) => installation.leave(old)
  await clientsLeft({ clock, cancel }, { ports, begin }, generation - 1)
  installation.applyTargets(now)
}

// What they are about to reach by the old ways is given time to get there.
async function release(
  { installation, cancel }: Starting,
  leftovers: readonly NginxIdentity[],
): Promise<void> {
  const { clock, paths } = installation
  if (leftovers.length > 0) {
    await clock.sleep(SETTLE_MS, cancel)
    await whileMigrating(async () => {
      for (const worker of leftovers) signal(worker, 'SIGQUIT')
      await left({ clock, cancel }, leftovers)
      // They say that they leave a moment before they let go of the ports.
      await clock.sleep(LET_GO_MS, cancel)
    })
  }
  removeEpochs(paths.run, installation.state().epoch)
}

async function startMaster(starting: Starting): Promise<Fault | undefined> {
  const { installation, nginx, now, cancel } = starting
  const { paths, clock } = installation
  const known = installation.state()
  // Workers of another generation can be asked to leave by themselves.
  const state = { ...known, epoch: known.epoch + 1, generation: known.generation + 1 }
  makeEpoch(paths.run, state.epoch)
  for (const group of state.groups) makeFolders(paths.run, state.epoch, group)
  installation.follow(state)
  const { control } = installation
  const writing = { nginx, paths, control, clock, cancel }
  const refused = await writeConfig(writing, installation.render(state))
  if (refused) return refused
  installation.save(state)
  const launched = launch(nginx, paths)
  const isUp = await serves(starting, START_MS, () => launched.ended())
  const identity = launched.identity()
  if (isUp && identity) {
    writeIdentity(paths.identity, identity)
    // The new master's forwarders have new sockets. Its first requests went to the old ones, and
    // their connections would be used on and on: another pool has none.
    installation.save({ ...state, groups: state.groups.map(withoutMembers) })
    installation.applyTargets(now)
    return undefined
  }
  if (identity) signal(identity, 'SIGTERM')
  const why = launched.ended() ?? 'it did not answer in time'
  return fault('E_BALANCER', `NGINX did not start: ${why}: ${lastTrouble(paths.errorLog)}`, true)
}

// Whose members differ is given another pool.
function withoutMembers(group: GroupState): GroupState {
  return group.reach === 'forwarded' ? { ...group, members: [] } : group
}

async function serves(
  { installation: { control, clock }, cancel }: Starting,
  withinMs: number,
  ended: () => string | undefined,
): Promise<boolean> {
  const endAtMs = clock.monotonic() + withinMs
  while (clock.monotonic() < endAtMs && !cancel.aborted && ended() === undefined) {
    if (await control.generation(cancel)) return true
    await clock.sleep(POLL_MS, cancel)
  }
  return false
}

/** Waits until old workers let go of the ports; one that is stuck is killed. */
async function gone(
  { installation: { clock }, cancel }: Starting,
  leftovers: readonly NginxIdentity[],
): Promise<void> {
  for (const worker of await left({ clock, cancel }, leftovers)) signal(worker, 'SIGKILL')
}

/** Waits until old workers leave; resolves with those that do not. */
async function left(
  { clock, cancel }: { readonly clock: Clock; readonly cancel: Cancel },
  leftovers: readonly NginxIdentity[],
): Promise<readonly NginxIdentity[]> {
  const endAtMs = clock.monotonic() + LEAVE_MS
  const holding = () => leftovers.filter((worker) => isRunning(worker) && !isLeaving(worker.pid))
  while (holding().length > 0 && clock.monotonic() < endAtMs && !cancel.aborted) {
    await clock.sleep(POLL_MS, cancel)
  }
  return holding()
}
