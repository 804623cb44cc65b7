// Variables that are computed for each request. They are one space for a whole NGINX: all names
// begin with `plimsoll_`, those of groups inside regular expressions, too.
import type { NginxState } from '../state.ts'
import { leavingPath, servingPool } from '../targets/links.ts'
import { leavingId, poolId, poolsOf } from './upstreams.ts'

/** The variables that every group's part stands on. */
export const MAPS = `  map $http_upgrade $plimsoll_connection { "" ""; default upgrade; }
  map $http_host $plimsoll_host { "" $server_addr; default $http_host; }
  map $msec $plimsoll_ms { "~^(?<plimsoll_whole>[0-9]+)[.](?<plimsoll_rest>[0-9]+)$" $plimsoll_whole$plimsoll_rest; }
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
  map $plimsoll_pool $plimsoll_leaving { "~^[A-Z]" 1; default ""; }`

/**
 * Which pool serves a group is what its link leads to now. The configurations of two generations
 * that follow each other tell a pool's twins apart: what leads to the own one asks clients to
 * leave, before a reload would close their connections.
 */
export function poolMap(state: NginxState, run: string): string {
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
  return poolVariables(lines)
}

/** The variables that name a group's pool, with these lines. */
export function poolVariables(lines: readonly string[]): string {
  // The second one is asked again for a request whose pool was gone when its body had come.
  return ['plimsoll_pool {', 'plimsoll_pool_now { volatile;']
    .map((head) => `  map $realpath_root $${head}\n    default "";\n${lines.join('\n')}\n  }`)
    .join('\n')
}
