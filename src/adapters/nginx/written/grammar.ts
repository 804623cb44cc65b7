// What may stand in a written configuration: every value is held against an allow-list, and what
// does not fit is refused, never escaped.
import { isIP } from 'node:net'
import type { BalancerGroup, BalancerTarget } from '../../../core/ports.ts'

const GROUP = /^[a-z][a-z0-9-]{0,40}$/
const HOST_NAME = /^[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?$/
const LABEL = '[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?'
const HOSTNAME = new RegExp(`^(?=.{1,255}$)(\\*\\.)?${LABEL}(\\.${LABEL})*$`)
const MOST_NAMES = 100
const INSTANCE = /^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/
/** Without segments that lead elsewhere. */
const SOCKET = /^(\/(?!\.{1,2}(\/|$))[A-Za-z0-9_.@+-]+)+$/
/** A Unix socket's path has 108 bytes, one of which ends it. */
const SOCKET_LIMIT = 107
/** Largest time-out and size that NGINX's own parser takes without overflowing. */
const MOST = 2_000_000_000
const MOST_BYTES = 2 ** 50
/** More than this many targets belong to more than one machine. */
const MOST_TARGETS = 500

/** What is wrong with a group, for people; undefined when all of it may be written. */
export function refusal(group: BalancerGroup): string | undefined {
  const { listen, balance } = group
  if (!GROUP.test(group.group)) return `the name of group ${quoted(group.group)}`
  const of = (what: string) => `${what} of group ${group.group}`
  if (!isHost(listen.host)) return of(`the address ${quoted(listen.host)}`)
  if (!isWhole(listen.port, 1, 65_535)) return of('the port')
  if (balance !== 'round_robin' && balance !== 'least_connections') return of('balance')
  if (!isWhole(group.maxInFlight, 1, MOST)) return of('maxInFlight')
  if (!isWhole(group.maxBodyBytes, 0, MOST_BYTES)) return of('maxBodyBytes')
  if (!isWhole(group.timeoutMs, 1, MOST)) return of('timeoutMs')
  const most = group.maxTargets
  if (most !== undefined && !isWhole(most, 1, MOST_TARGETS)) return of('maxTargets')
  if (group.ports?.some((port) => !isWhole(port, 1, 65_535))) return of('ports')
  const name = group.hostnames?.find((hostname) => !HOSTNAME.test(hostname))
  if (name !== undefined) return of(`hostname ${quoted(name)}`)
  if ((group.hostnames?.length ?? 0) > MOST_NAMES) return of('the number of hostnames')
  const file = [group.tls?.certificate, group.tls?.key].find((path) => path && !isPath(path))
  if (file !== undefined) return of(`the path ${quoted(file)}`)
  const member = group.members?.find(({ host, port }) => !isPlainIp(host) || !isPort(port))
  if (member !== undefined) return of(`member ${quoted(member.host)}`)
  const members = group.members?.length ?? 0
  if (group.targets.length + members > MOST_TARGETS) return of('the number of targets')
  const bad = group.targets.find((target) => !isTarget(target))
  return bad && of(`target ${quoted(bad.instance)}`)
}

/** The address of a target as NGINX writes it; `localhost` is the IPv4 loopback. */
export function targetAddress({ host, port }: { readonly host: string; readonly port: number }) {
  if (isIP(host) === 6) return `[${host.toLowerCase()}]:${port}`
  return `${isIP(host) === 4 ? host : '127.0.0.1'}:${port}`
}

/** The address of a listener as NGINX writes it. */
export function listenAddress(listen: BalancerGroup['listen']): string {
  if (isIP(listen.host) === 6) return `[${listen.host.toLowerCase()}]:${listen.port}`
  const host = listen.host.toLowerCase() === 'localhost' ? '127.0.0.1' : listen.host
  return `${host}:${listen.port}`
}

function isTarget(target: BalancerTarget): boolean {
  if (!INSTANCE.test(target.instance)) return false
  if (target.socket !== undefined) {
    return SOCKET.test(target.socket) && Buffer.byteLength(target.socket) <= SOCKET_LIMIT
  }
  // Names would have to be resolved, which NGINX does once and for all when it starts.
  const isAddress = isPlainIp(target.host) || target.host === 'localhost'
  return isAddress && isWhole(target.port, 1, 65_535)
}

function isHost(host: string): boolean {
  return isPlainIp(host) || HOST_NAME.test(host)
}

// Node takes a zone at the end of an IPv6 address, and anything in it.
function isPlainIp(host: string): boolean {
  return isIP(host) !== 0 && /^[0-9A-Fa-f.:]+$/.test(host)
}

function isPort(port: number): boolean {
  return isWhole(port, 1, 65_535)
}

// Read by us, and never written: what is written names our own copies.
function isPath(path: string): boolean {
  return path.startsWith('/') && !path.includes('\0')
}

function isWhole(value: number, least: number, most: number): boolean {
  return Number.isInteger(value) && value >= least && value <= most
}

function quoted(value: string): string {
  return JSON.stringify(String(value).slice(0, 60))
}
