// Where clients connect: one server per group, and on addresses that groups share by name one that
// answers to every other name.
import type { GroupState } from '../state.ts'
import { servingLink } from '../targets/links.ts'
import { listenAddress } from './grammar.ts'
import { forwarding, proxying, retries } from './group.ts'
import { lines } from './lines.ts'
import { tlsLines, tlsListen } from './tls.ts'

/** What listeners need to know of the NGINX they are for. */
export interface ListenerSettings {
  /** The private folder with the links. */
  readonly run: string
  /** Where the lines of the access log go on loopback. */
  readonly logPort: number
  /** HTTP/2 is a directive of its own: from 1.25.1 on. */
  readonly hasHttp2Directive: boolean
  /** Workers that leave can spare idle connections: from 1.27.4 on. */
  readonly hasKeepaliveMinTimeout: boolean
  /** Present where the NGINX is somebody else's. */
  readonly guest?: Guest
}

/** What is different where others have servers, too. */
export interface Guest {
  /** Lines that each server begins with: what must not be as the installation has it. */
  readonly own: string
  /** The same for servers that answer by themselves. */
  readonly plain: string
  /** Lines before those of the access log, and what a line is to depend on. */
  readonly watched: string
  readonly condition: string
  /** The folder around our copies of certificates, with a slash at its end. */
  readonly pairs: string
}

/** How long an idle connection outlives the worker's leave at most. */
const SPARED = '5s'

/** The text of all listeners. */
export function listeners(states: readonly GroupState[], settings: ListenerSettings): string {
  const addresses = new Map<string, GroupState[]>()
  for (const state of states) {
    const address = listenAddress(state.group.listen)
    addresses.set(address, [...(addresses.get(address) ?? []), state])
  }
  const servers = [...addresses].flatMap(([address, sharing]) => {
    const [first] = sharing
    const isNamed = sharing.some((state) => hostnames(state).length > 0)
    // A listener that others have or may come to have stays as they want it.
    const [alone, named] = settings.guest
      ? [address, address]
      : [`${address} reuseport`, `${address} reuseport default_server`]
    if (!isNamed || first === undefined) {
      return sharing.map((state) => server(state, alone, settings))
    }
    const rest = sharing.map((state) => server(state, address, settings))
    return isShared(sharing) ? rest : [stranger(first, named, settings), ...rest]
  })
  return servers.join('\n')
}

function hostnames(state: GroupState): readonly string[] {
  return state.group.hostnames ?? []
}

function isShared(states: readonly GroupState[]): boolean {
  return states.some((state) => state.isShared === true)
}

/** The lines with `listen`, and with TLS where the group has it. */
export function opening(state: GroupState, listen: string, settings: ListenerSettings): string {
  const { certificate, isShared = false } = state
  const { hasHttp2Directive, guest } = settings
  if (certificate === undefined) return `    listen ${listen};`
  return `    listen ${listen}${tlsListen({ hasHttp2Directive, isShared })};
${tlsLines(certificate, guest?.pairs ?? '', hasHttp2Directive)}`
}

function stranger(state: GroupState, listen: string, settings: ListenerSettings): string {
  return `  server {
${opening(state, listen, settings)}
    server_name "";
    access_log off;
${settings.guest?.plain ?? ''}    location / { return 421 "plimsoll: nothing is served under this host name\\n"; }
  }`
}

function server(state: GroupState, listen: string, settings: ListenerSettings): string {
  const { group, reach } = state
  const { guest } = settings
  const pass = 'proxy_pass http://$plimsoll_pool;'
  // The first name is the one in the log.
  const names = [group.group, ...hostnames(state).filter((name) => name !== group.group)]
  return `  server {
${opening(state, listen, settings)}
    server_name ${names.join(' ')};
    root ${servingLink(settings.run, group.group)};
${guest?.own ?? ''}${guest?.watched ?? ''}${lines(settings.logPort, guest?.condition)}
    client_max_body_size ${group.maxBodyBytes === 0 ? 1 : group.maxBodyBytes};
    client_body_buffer_size 300k;
${settings.hasKeepaliveMinTimeout ? `    keepalive_min_timeout ${SPARED};\n` : ''}${proxying(group)}
${forwarding(group)}
${retries(reach)}
    recursive_error_pages on;
    error_page 413 = @large;
    error_page 418 = @streamed;
    error_page 419 = @leaving;
    error_page 502 = @failed;
    error_page 503 = @none;
    error_page 504 = @silent;
    location / {
      if ($plimsoll_pool = "") { return 503; }
      if ($plimsoll_leaving) { return 419; }
      if ($plimsoll_streams) { return 418; }
${state.certificate === undefined ? '' : '      if ($plimsoll_unsized) { return 418; }\n'}      ${pass}
    }
    location @streamed { proxy_request_buffering off; ${pass} }
    location @leaving {
      keepalive_timeout 0;
      if ($plimsoll_streams) { return 418; }
      ${pass}
    }
    location @large {
      return 413 "plimsoll: the body is larger than ${group.maxBodyBytes} bytes (max_body)\\n";
    }
    location @failed {
      add_header Retry-After $plimsoll_shed always;
      if ($plimsoll_shed) { return 503 "plimsoll: no instance had room\\n"; }
      if ($plimsoll_seen) { return 502 "plimsoll: the instance broke off\\n"; }
      if ($plimsoll_pool_now = "") { return 502 "plimsoll: no instance could be reached\\n"; }
      proxy_pass http://$plimsoll_pool_now;
    }
    location @broken { return 502 "plimsoll: the instance broke off\\n"; }
    location @silent { return 504 "plimsoll: the instance kept silent\\n"; }
    location @none {
      add_header Retry-After 1 always;
      return 503 "plimsoll: no instance is ready\\n";
    }
  }`
}
