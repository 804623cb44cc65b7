// The configuration as text. Every value in it has passed the grammar; nothing is escaped here.
import type { WorkerAccount } from '../binary.ts'
import type { NginxState } from '../state.ts'
import { leavingPath, servingPool } from '../targets/links.ts'
import { groupConfig } from './group.ts'
import { lineFormat } from './lines.ts'
import { listeners } from './listener.ts'
import { leavingId, poolId, poolsOf } from './upstreams.ts'

/** How NGINX itself runs. */
export interface ServerSettings {
  /** The private folder with sockets and links. */
  readonly run: string
  readonly account: WorkerAccount | undefined
  readonly workers: number
  /** Open files that a worker may have. */
  readonly files: number
  /** HTTP/2 is a directive of its own: from 1.25.1 on. */
  readonly hasHttp2Directive?: boolean
}

/** The whole configuration for a state. */
export function renderConfig(state: NginxState, settings: ServerSettings): string {
  const { run, account, workers, files } = settings
  return `# Written by Plimsoll for itself; changes are overwritten.
${account ? `user ${account.user} ${account.group};\n` : ''}daemon off;
worker_processes ${workers};
worker_rlimit_nofile ${files};
worker_shutdown_timeout 1h;
pid nginx.pid;
pcre_jit on;
# What applications do wrong is in the readings; this log is for NGINX's own troubles.
error_log logs/error.log alert;
# A worker that leaves resets whoever still waits to be accepted by it: none is left waiting.
events { worker_connections ${Math.min(16_384, Math.floor(files / 2))}; multi_accept on; }
http {
${temporaries(run)}
  access_log off;
  server_tokens off;
  merge_slashes off;
  absolute_redirect off;
  default_type text/plain;
  keepalive_timeout 75s;
  keepalive_requests 1000000;
  large_client_header_buffers 4 16k;
  reset_timedout_connection on;
  variables_hash_max_size 4096;
  map_hash_max_size 8192;
  map_hash_bucket_size 256;
  server_names_hash_bucket_size 512;
  server_names_hash_max_size 8192;
${lineFormat(state.logToken)}
${MAPS}
${poolMap(state, run)}
${keptMap(state)}
  server {
    listen unix:${run}/f/${state.epoch}/control.sock;
    access_log off;
    location = /generation { return 200 "${state.generation} $pid"; }
    location = /counters { stub_status; }
    location / { return 404; }
  }
${state.groups.map((group) => groupConfig(group, run, state.epoch)).join('\n')}
${listeners(state.groups, {
  run,
  logPort: state.logPort,
  hasHttp2Directive: settings.hasHttp2Directive ?? false,
})}
}
`
}

/** The number of a written configuration. */
export function generationOf(text: string): number | undefined {
  const number = /location = \/generation \{ return 200 "(\d+) /.exec(text)?.[1]
  return number === undefined ? undefined : Number(number)
}

/** The name of the upstream that keeps connections to an address. */
export function keptName(address: string): string {
  return `kept_${address.replace(/[^A-Za-z0-9.]/g, '_')}`
}

// Nothing is meant to go there: small bodies stay in memory, others pass through.
function temporaries(run: string): string {
  const kinds = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
  return kinds.map((kind) => `  ${kind}_temp_path ${run}/temporary/${kind};`).join('\n')
}

const MAPS = `  map $http_upgrade $plimsoll_connection { "" ""; default upgrade; }
  map $http_host $plimsoll_host { "" $server_addr; default $http_host; }
  map $msec $plimsoll_ms { "~^(?<ps>[0-9]+)[.](?<pms>[0-9]+)$" $ps$pms; }
  map $http_x_forwarded_proto $plimsoll_proto { "" $scheme; default $http_x_forwarded_proto; }
  map $http_x_forwarded_host $plimsoll_forwarded_host { "" $http_host; default $http_x_forwarded_host; }
  # 1 for IPv6.
  geo $plimsoll_six { default ""; ::/1 1; 8000::/1 1; }
  map $plimsoll_six $plimsoll_node { 1 '"[$remote_addr]"'; default $remote_addr; }
  map $http_forwarded $plimsoll_forwarded {
    "" "for=$plimsoll_node;proto=$scheme";
    default "$http_forwarded, for=$plimsoll_node;proto=$scheme";
  }
  # Small bodies are read whole, so that they can be sent again; others are passed on as they come.
  map "$http_transfer_encoding$http_content_length" $plimsoll_streams {
    "" "";
    "~^([0-9]{1,5}|[12][0-9]{5})$" "";
    default 1;
  }
  # HTTP/2 needs no length; without one a body may be of any size.
  map "$server_protocol $request_method:$http_content_length" $plimsoll_unsized {
    default "";
    "~^HTTP/2[^ ]* (POST|PUT|PATCH|DELETE):$" 1;
  }
  # No instance could be chosen: the upstream is named instead of one.
  map $upstream_addr $plimsoll_shed { "~^[^:/]+$" 1; default ""; }
  # A request that is not to be repeated, and that the instance has seen: where it ends instead.
  map "$request_method $upstream_bytes_sent" $plimsoll_sent { "~^(POST|LOCK|PATCH) [1-9]" @broken; default ""; }
  # A request of which an instance has seen something, or that was on its way once more already.
  map $upstream_bytes_sent $plimsoll_seen { "~[1-9:]" 1; default ""; }
  # See the pools' names. Asking the link once more would cost each request as much again.
  map $plimsoll_pool $plimsoll_leaving { "~^[A-Z]" 1; default ""; }
  map $server_addr $plimsoll_forwarder { "~/(?<pf>[0-9]+)[.]sock$" $pf; default none; }`

// Which pool serves a group is what its link leads to now. The configurations of two generations
// that follow each other tell a pool's twins apart: what leads to the own one asks clients to
// leave, before a reload would close their connections.
function poolMap(state: NginxState, run: string): string {
  const { generation } = state
  const lines = state.groups.flatMap((group) => {
    const at = { run, group: group.group.group }
    return poolsOf(group).flatMap((name) => {
      const id = poolId(at.group, name)
      const own = leavingPath({ ...at, name }, generation)
      const other = leavingPath({ ...at, name }, generation + 1)
      return [
        `    ${servingPool(run, at.group, name)} ${id};`,
        `    ${other} ${id};`,
        `    ${own} ${leavingId(at.group, name)};`,
      ]
    })
  })
  // The second one is asked again for a request whose pool was gone when its body had come.
  return ['plimsoll_pool {', 'plimsoll_pool_now { volatile;']
    .map((head) => `  map $realpath_root $${head}\n    default "";\n${lines.join('\n')}\n  }`)
    .join('\n')
}

// Addresses that are known beforehand keep their connections; any other one is served without.
function keptMap(state: NginxState): string {
  const kept = [...new Set(state.groups.flatMap((group) => group.kept))]
  const lines = kept.map((address) => `    "${address}" ${keptName(address)};`)
  const upstreams = kept.map(
    (address) =>
      `  upstream ${keptName(address)} { server ${address} max_fails=0; keepalive 64; keepalive_timeout 1s; keepalive_requests 1000000; }`,
  )
  return `  map $realpath_root $plimsoll_led { default ""; "~/(?<pa>[^/]+:[0-9]+)$" $pa; }
  map $plimsoll_led $plimsoll_address {
    default $plimsoll_led;
${lines.join('\n')}
  }
${upstreams.join('\n')}`
}
