// The links by which NGINX finds instances: placed, moved and flipped so that whoever follows one
// sees the old target or the new one, never neither.
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readlinkSync,
  renameSync,
  rmSync,
  symlinkSync,
} from 'node:fs'
import { basename, join } from 'node:path'
import type { GroupState } from '../state.ts'
import { hasSlots } from '../written/upstreams.ts'
import { memberAt, poolNames, poolSize } from './pools.ts'

/** The Unix socket of a forwarder. */
export function forwarderSocket(
  { run, epoch }: { readonly run: string; readonly epoch: number },
  group: string,
  forwarder: number,
): string {
  return join(run, 'f', String(epoch), group, `${forwarder}.sock`)
}

/** The control socket of a master. */
export function controlSocket(run: string, epoch: number): string {
  return join(run, 'f', String(epoch), 'control.sock')
}

/** Makes the folders that every configuration speaks of. */
export function makeBase(run: string): void {
  for (const folder of ['f', 't', 'p', 'temporary']) makeFolder(join(run, folder))
}

/** Makes the folders that a group's part of the configuration speaks of. */
export function makeFolders(run: string, epoch: number, state: GroupState): void {
  const { group } = state.group
  if (state.reach === 'forwarded') {
    makeFolder(join(run, 'f', String(epoch), group))
    makeFolder(join(run, 't', group))
  }
  if (!hasSlots(state)) return
  makeFolder(join(run, 'p', group))
  for (const { name } of poolNames(state.slots)) makeFolder(join(run, 'p', group, name))
}

/** A pool's twin; where it serves, the workers of a generation ask clients to leave. */
export function leavingPath(
  { run, group, name }: { readonly run: string; readonly group: string; readonly name: string },
  generation: number,
): string {
  return `${servingPool(run, group, name)}.leaving${generation % 2}`
}

/** Has the workers of a generation ask a group's clients to leave, until a pool is chosen anew. */
export function leave(
  run: string,
  { group, pool }: { readonly group: string; readonly pool: string },
  generation: number,
): void {
  const folder = leavingPath({ run, group, name: pool }, generation)
  makeFolder(folder)
  place(servingLink(run, group), basename(folder))
}

/** Makes the folder of a master's sockets; what an earlier try left there is gone. */
export function makeEpoch(run: string, epoch: number): void {
  const folder = join(run, 'f', String(epoch))
  rmSync(folder, { recursive: true, force: true })
  makeFolder(folder)
}

/** Forgets the sockets of earlier masters, once nothing leads to them. */
export function removeEpochs(run: string, epoch: number): void {
  for (const name of readdirSync(join(run, 'f'))) {
    if (Number(name) < epoch) rmSync(join(run, 'f', name), { recursive: true, force: true })
  }
}

/** Leads a forwarder to a TCP address. */
export function linkForwarder(options: {
  readonly run: string
  readonly group: string
  readonly forwarder: number
  readonly address: string
}): void {
  const { run, group, forwarder, address } = options
  // Short ways: NGINX reads each step of them with every request.
  makeFolder(join(run, 't', group, address))
  place(join(run, 't', group, String(forwarder)), address)
}

/** Fills a pool's slots with the sockets; more slots than sockets begin anew. */
export function fillPool(
  run: string,
  { group, pool }: { readonly group: string; readonly pool: string },
  sockets: readonly string[],
): void {
  for (let slot = 0; slot < poolSize(pool); slot += 1) {
    const socket = memberAt(sockets, slot)
    if (socket !== undefined) place(join(run, 'p', group, pool, String(slot)), socket)
  }
}

/** The link that says which pool serves a group. NGINX reads each step of it with every request. */
export function servingLink(run: string, group: string): string {
  return join(run, `${group}.now`)
}

/** Where the link leads when a pool serves: a folder that is only a name. */
export function servingPool(run: string, group: string, pool: string): string {
  return join(run, `${group}.${pool}`)
}

/** Makes a pool serve its group from the next request on; without one nothing serves it. */
export function choose(run: string, group: string, pool: string | undefined): void {
  const link = servingLink(run, group)
  if (pool === undefined) {
    rmSync(link, { force: true })
    return
  }
  const folder = servingPool(run, group, pool)
  makeFolder(folder)
  place(link, basename(folder))
}

/** Leads a link to a target; whoever follows it meanwhile sees the old one or the new one. */
export function place(link: string, target: string): void {
  if (leadsTo(link) === target) return
  const temporary = `${link}.new`
  rmSync(temporary, { force: true })
  symlinkSync(target, temporary)
  renameSync(temporary, link)
}

function leadsTo(link: string): string | undefined {
  try {
    return readlinkSync(link)
  } catch {
    // Not placed yet.
    return undefined
  }
}

// Others may pass through but not look around; who may come so far is the private folder's affair.
function makeFolder(folder: string): void {
  if (existsSync(folder)) return
  mkdirSync(folder, { mode: 0o711 })
  // Whatever the umask says: the workers may be another user's.
  chmodSync(folder, 0o711)
}
