// One group's part of the configuration: its pools and, for applications on TCP, its forwarders.
import type { BalancerGroup } from '../../../core/ports.ts'
import type { GroupState } from '../state.ts'
import { forwarderCount, upstreams } from './upstreams.ts'

/** The text for one group. */
export function groupConfig(state: GroupState, run: string, epoch: number): string {
  const parts = upstreams(state, run)
  const isForwarded = state.reach === 'forwarded'
  return [...parts, ...(isForwarded ? [forwarders(state, run, epoch)] : [])].join('\n')
}

const IGNORED = 'X-Accel-Expires X-Accel-Limit-Rate X-Accel-Buffering X-Accel-Charset'

// An application's own 502 can't be told from a forwarder's, and is tried elsewhere, too, where
// repeating is safe; what a forwarder must not see repeated it answers with a redirect.
/** What is tried elsewhere. */
export function retries(reach: GroupState['reach']): string {
  return reach === 'forwarded'
    ? `    proxy_next_upstream http_502 non_idempotent;
    proxy_next_upstream_tries 3;
    proxy_ignore_headers ${IGNORED};
    proxy_hide_header X-Plimsoll-Failed;`
    : `    proxy_next_upstream error;
    proxy_next_upstream_tries 3;
    proxy_ignore_headers X-Accel-Redirect ${IGNORED};`
}

/** How a request is passed on. */
export function proxying(group: BalancerGroup): string {
  return `    proxy_http_version 1.1;
    proxy_buffering off;
    proxy_buffer_size 16k;
    proxy_buffers 8 16k;
    proxy_connect_timeout 3s;
    proxy_read_timeout ${group.timeoutMs}ms;
    proxy_send_timeout ${group.timeoutMs}ms;
    proxy_pass_header Server;
    proxy_pass_header Date;
    proxy_set_header Connection $plimsoll_connection;
    proxy_set_header Upgrade $http_upgrade;`
}

const REMOVED = ['TE', 'Keep-Alive', 'Proxy', 'Proxy-Connection', 'Proxy-Authorization']
const UNTRUSTED = ['Port', 'Prefix', 'Server', 'Ssl', 'Scheme', 'User'].map(
  (n) => `X-Forwarded-${n}`,
)

/** The headers that an instance gets. */
export function forwarding(group: BalancerGroup): string {
  const trust = group.trustForwarded
  const set: readonly (readonly [string, string])[] = [
    ['Host', '$plimsoll_host'],
    ['X-Request-Start', 't=$plimsoll_ms'],
    ['X-Forwarded-For', trust ? '$proxy_add_x_forwarded_for' : '$remote_addr'],
    ['X-Forwarded-Proto', trust ? '$plimsoll_proto' : '$scheme'],
    ['X-Forwarded-Host', trust ? '$plimsoll_forwarded_host' : '$http_host'],
    ['Forwarded', trust ? '$plimsoll_forwarded' : '""'],
    ...[...REMOVED, 'HTTP2-Settings'].map((name) => [name, '""'] as const),
    ...(trust ? [] : [...UNTRUSTED, 'X-Real-IP'].map((name) => [name, '""'] as const)),
  ]
  return set.map(([name, value]) => `    proxy_set_header ${name} ${value};`).join('\n')
}

function forwarders(state: GroupState, run: string, epoch: number): string {
  const { group } = state
  const listens = Array.from({ length: forwarderCount(state) }, (_, n) => {
    return `    listen unix:${run}/f/${epoch}/${group.group}/${n}.sock;`
  })
  return `  server {
${listens.join('\n')}
    server_name ${group.group};
    access_log off;
    root ${run}/t/${group.group}/$plimsoll_forwarder;
    client_max_body_size 0;
    client_body_buffer_size 300k;
    client_body_timeout ${group.timeoutMs}ms;
${proxying(group)}
    proxy_set_header Host $http_host;
    proxy_request_buffering off;
    proxy_next_upstream off;
    proxy_ignore_headers X-Accel-Redirect ${IGNORED};
    proxy_hide_header X-Plimsoll-Failed;
    error_page 502 = @failed;
    error_page 504 = @silent;
    location / {
      if ($plimsoll_address = "") { return 502; }
      proxy_pass http://$plimsoll_address;
    }
    location @failed {
      add_header X-Plimsoll-Failed 1 always;
      add_header X-Accel-Redirect $plimsoll_sent always;
      if ($plimsoll_sent) { return 599; }
      return 502;
    }
    location @silent {
      add_header X-Plimsoll-Failed 1 always;
      add_header X-Accel-Redirect @silent always;
      return 504;
    }
  }`
}
