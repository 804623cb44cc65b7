// The configuration as text. Every value in it has passed the grammar; nothing is escaped here.
import type { WorkerAccount } from '../binary.ts'
import type { NginxState } from '../state.ts'
import { groupConfig } from './group.ts'
import { lineFormat } from './lines.ts'
import { listeners } from './listener.ts'
import { MAPS, poolMap } from './maps.ts'

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
  readonly hasKeepaliveMinTimeout?: boolean
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
${SERVED}
  variables_hash_max_size 4096;
  map_hash_max_size 65536;
  map_hash_bucket_size 512;
  server_names_hash_bucket_size 512;
  server_names_hash_max_size 8192;
${lineFormat(state.logToken)}
${MAPS}
${poolMap(state, run)}
${keptMap(state)}
  server {
    listen unix:${run}/f/${state.epoch}/control.sock;
    access_log off;
${generationAnswer(state)}
    location = /counters { stub_status; }
    location / { return 404; }
  }
${state.groups.map((group) => groupConfig(group, run, state.epoch)).join('\n')}
${listeners(state.groups, {
  run,
  logPort: state.logPort,
  hasHttp2Directive: settings.hasHttp2Directive ?? false,
  hasKeepaliveMinTimeout: settings.hasKeepaliveMinTimeout ?? false,
})}
}
`
}

/** How requests are served, whatever the group; for a whole `http` or for each `server`. */
export const SERVED = `  server_tokens off;
  merge_slashes off;
  absolute_redirect off;
  default_type text/plain;
  keepalive_timeout 75s;
  keepalive_requests 1000000;
  large_client_header_buffers 4 16k;
  reset_timedout_connection on;`

/** What a control server answers about the configuration that serves. */
export function generationAnswer(state: NginxState): string {
  return `    location = /generation { return 200 "${state.generation} $pid"; }`
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

// Addresses that are known beforehand keep their connections; any other one is served without.
function keptMap(state: NginxState): string {
  const kept = [...new Set(state.groups.flatMap((group) => group.kept))]
  const lines = kept.map((address) => `    "${address}" ${keptName(address)};`)
  const upstreams = kept.map(
    (address) =>
      `  upstream ${keptName(address)} { server ${address} max_fails=0; keepalive 64; keepalive_timeout 1s; keepalive_requests 1000000; }`,
  )
  return `  map $server_addr $plimsoll_forwarder { "~/(?<pf>[0-9]+)[.]sock$" $pf; default none; }
  map $realpath_root $plimsoll_led { default ""; "~/(?<pa>[^/]+:[0-9]+)$" $pa; }
  map $plimsoll_led $plimsoll_address {
    default $plimsoll_led;
${lines.join('\n')}
  }
${upstreams.join('\n')}`
}
