// Header rules between client and instance: what is hop-by-hop, what only we may say, how bodies
// are framed.
import type { IncomingMessage } from 'node:http'

/** Headers in the order and spelling of the wire: name, value, name, value. */
export type RawHeaders = string[]

/** Belongs to one connection and never travels on; framing is set anew on each side. */
const HOP_BY_HOP = new Set([
  'connection',
  'content-length',
  'expect',
  'http2-settings',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
])
/** Never removed because a client's `Connection` header names it. */
const END_TO_END = new Set(['host', 'cookie', 'authorization'])

/** How the body of a request is framed. */
export type Framing =
  | { readonly kind: 'none' }
  | { readonly kind: 'length'; readonly bytes: number }
  | { readonly kind: 'chunked' }
  | { readonly kind: 'unsupported' }

/** Reads a request's framing; the parser has refused ambiguous ones already. */
export function framingOf(request: IncomingMessage): Framing {
  const coding = request.headers['transfer-encoding']
  if (coding !== undefined) {
    const plain = coding.trim().toLowerCase() === 'chunked' && request.httpVersion === '1.1'
    return { kind: plain ? 'chunked' : 'unsupported' }
  }
  const length = request.headers['content-length']
  if (length === undefined) return { kind: 'none' }
  const bytes = Number(length)
  return bytes === 0 ? { kind: 'none' } : { kind: 'length', bytes }
}

/** What the request's forwarding headers are made of. */
export interface Forwarding {
  /** Keep and extend the client's own copies. */
  readonly trust: boolean
  /** When the request arrived, milliseconds since the epoch. */
  readonly arrivedAtMs: number
}

/** The headers that an instance gets, body framing included. */
export function requestHeaders(
  request: IncomingMessage,
  framing: Framing,
  forwarding: Forwarding,
): RawHeaders {
  const named = namedByConnection(request.headers.connection)
  const out: RawHeaders = []
  const raw = request.rawHeaders
  for (let i = 0; i + 1 < raw.length; i += 2) {
    const name = raw[i] as string
    const key = canonical(name)
    if (HOP_BY_HOP.has(key) || named?.has(key) || isOurs(key, forwarding.trust)) continue
    out.push(name, raw[i + 1] as string)
  }
  // HTTP/1.0 knows no Host; the instance is asked in 1.1, which demands it.
  if (request.headers.host === undefined) out.push('Host', ownAddress(request))
  addForwarding(out, request, forwarding)
  addFraming(out, request.method ?? 'GET', framing)
  return out
}

/** Whether a request names its host more than once: two readers could take it for two requests. */
export function hasSeveralHosts(request: IncomingMessage): boolean {
  const names = request.rawHeaders.filter((_, i) => i % 2 === 0)
  return names.filter((name) => canonical(name) === 'host').length > 1
}

function ownAddress({ socket }: IncomingMessage): string {
  const address = plainAddress(socket.localAddress ?? 'localhost')
  return `${address.includes(':') ? `[${address}]` : address}:${socket.localPort}`
}

/** The headers that a client gets for an instance's response; `Content-Length` is kept as it is. */
export function responseHeaders(response: IncomingMessage): RawHeaders {
  const named = namedByConnection(response.headers.connection)
  const out: RawHeaders = []
  const raw = response.rawHeaders
  for (let i = 0; i + 1 < raw.length; i += 2) {
    const name = raw[i] as string
    const key = name.toLowerCase()
    if ((HOP_BY_HOP.has(key) && key !== 'content-length') || named?.has(key)) continue
    out.push(name, raw[i + 1] as string)
  }
  return out
}

/** Lower case, and with dashes: many servers can't tell `X_Forwarded_For` from the real one. */
function canonical(name: string): string {
  const lower = name.toLowerCase()
  return lower.includes('_') ? lower.replaceAll('_', '-') : lower
}

/** Names that this message's `Connection` header makes hop-by-hop. */
function namedByConnection(connection: string | undefined): Set<string> | undefined {
  if (connection === undefined) return undefined
  const lower = connection.toLowerCase()
  if (lower === 'keep-alive' || lower === 'close' || lower === 'upgrade') return undefined
  const names = lower.split(',').map((name) => name.trim())
  return new Set(names.filter((name) => !END_TO_END.has(name)))
}

/** Headers that only the balancer may set. */
function isOurs(key: string, trust: boolean): boolean {
  if (key === 'x-request-start') return true
  if (key === 'x-forwarded-for' || key === 'forwarded') return true
  return !trust && (key.startsWith('x-forwarded-') || key === 'x-real-ip')
}

function addForwarding(out: RawHeaders, request: IncomingMessage, forwarding: Forwarding): void {
  const address = plainAddress(request.socket.remoteAddress ?? '')
  const host = request.headers.host ?? ''
  const own = `for=${forwardedNode(address)};host=${quoted(host)};proto=http`
  const theirs = forwarding.trust ? request.headers : {}
  const chain = theirs['x-forwarded-for']
  out.push('X-Forwarded-For', chain === undefined ? address : `${String(chain)}, ${address}`)
  if (theirs['x-forwarded-proto'] === undefined) out.push('X-Forwarded-Proto', 'http')
  if (theirs['x-forwarded-host'] === undefined) out.push('X-Forwarded-Host', host)
  const path = theirs.forwarded
  out.push('Forwarded', path === undefined ? own : `${path}, ${own}`)
  out.push('X-Request-Start', `t=${forwarding.arrivedAtMs}`)
}

function addFraming(out: RawHeaders, method: string, framing: Framing): void {
  if (framing.kind === 'chunked') out.push('Transfer-Encoding', 'chunked')
  else if (framing.kind === 'length') out.push('Content-Length', String(framing.bytes))
  else if (method === 'POST' || method === 'PUT' || method === 'PATCH') {
    out.push('Content-Length', '0')
  }
}

/** IPv4 as such also where the socket is IPv6. */
function plainAddress(address: string): string {
  return address.startsWith('::ffff:') ? address.slice('::ffff:'.length) : address
}

function forwardedNode(address: string): string {
  return address.includes(':') ? `"[${address}]"` : address
}

function quoted(value: string): string {
  return `"${value.replace(/["\\]/g, '\\$&')}"`
}
