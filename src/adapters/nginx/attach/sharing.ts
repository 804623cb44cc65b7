// Whether a group may listen where it wants to: on a free address, or on one that the installation
// serves already, where that takes nothing away from its other servers.
import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { fault } from '../../../core/errors.ts'
import type { Fault } from '../../../core/model.ts'
import type { BalancerGroup } from '../../../core/ports.ts'
import { checkFree } from '../configure.ts'
import { listenAddress } from '../written/grammar.ts'
import { dump, type Master } from './master.ts'

/**
 * Whether others have servers on the address that a group may listen on; E_PORT_IN_USE or E_ATTACH
 * when it may not.
 */
export async function sharing(
  group: BalancerGroup,
  master: Master,
): Promise<Fault | { readonly isShared: boolean }> {
  const taken = await checkFree(group)
  if (!taken) return { isShared: false }
  if (!listeningPorts(master.identity.pid).has(group.listen.port)) return taken
  return nameless(group) ?? (await refusal(group, master)) ?? { isShared: true }
}

/** The fault of a group that would answer to every name on an address that it shares. */
export function nameless(group: BalancerGroup): Fault | undefined {
  if ((group.hostnames ?? []).length > 0) return undefined
  const what = `${listenAddress(group.listen)} is served by that NGINX already`
  return fault('E_PORT_IN_USE', `${what}: give group ${group.group} hostnames, or another port`)
}

async function refusal(group: BalancerGroup, master: Master): Promise<Fault | undefined> {
  const address = listenAddress(group.listen)
  const { port } = group.listen
  const found = await dump(master)
  const listens = 'wrong' in found ? [] : found.listens
  const theirs = listens.filter((listen) => addressOf(listen) === address)
  // Ours would come first otherwise, and get what is meant for none of the names.
  // TLS is the address's, whichever server says it.
  const isTls = theirs.some((listen) => /\sssl(\s|$)/.test(listen))
  if (theirs.length > 0 && isTls !== (group.tls !== undefined)) {
    const [have, how] = isTls ? ['TLS', 'give it `tls`'] : ['no TLS', 'take its `tls` away']
    const what = `servers of that NGINX on ${address} have ${have}, group ${group.group} differs`
    return fault('E_ATTACH', `${what}: ${how}, or another port`)
  }
  if (theirs.some((listen) => /\sdefault(_server)?(\s|$)/.test(listen))) return undefined
  const what = `${address} can be shared only where a server of that NGINX is its default_server`
  return fault('E_ATTACH', `${what}: add \`default_server\` to its \`listen\`, on port ${port}`)
}

/** The first parameter of a `listen`, as we would write it. */
export function addressOf(listen: string): string {
  const first = listen.split(/\s+/)[0] ?? ''
  if (/^\d+$/.test(first)) return `0.0.0.0:${first}`
  const named = first.replace(/^\*:/, '0.0.0.0:').replace(/^localhost(?=:|$)/i, '127.0.0.1')
  return /:\d+$/.test(named) ? named.toLowerCase() : `${named.toLowerCase()}:80`
}

const LISTENS = '0A'

/** TCP ports that a process listens on. */
function listeningPorts(pid: number): ReadonlySet<number> {
  const inodes = socketsOf(pid)
  const rows = ['tcp', 'tcp6'].flatMap((name) => table(name))
  const ours = rows.filter((row) => row[3] === LISTENS && inodes.has(row[9] ?? ''))
  return new Set(ours.map((row) => Number.parseInt(row[1]?.split(':')[1] ?? '', 16)))
}

function socketsOf(pid: number): ReadonlySet<string> {
  const folder = `/proc/${pid}/fd`
  try {
    const links = readdirSync(folder).map((name) => link(`${folder}/${name}`))
    return new Set(links.flatMap((text) => /^socket:\[(\d+)\]$/.exec(text)?.[1] ?? []))
  } catch {
    // Another user's: nothing is known to be its own.
    return new Set()
  }
}

function link(path: string): string {
  try {
    return readlinkSync(path)
  } catch {
    // Closed since.
    return ''
  }
}

function table(name: string): readonly (readonly string[])[] {
  try {
    const lines = readFileSync(`/proc/net/${name}`, 'latin1').split('\n').slice(1)
    return lines.map((line) => line.trim().split(/\s+/))
  } catch {
    // Without IPv6 there is no such table.
    return []
  }
}
