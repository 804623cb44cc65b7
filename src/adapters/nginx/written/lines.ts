// What NGINX tells of requests, over syslog on loopback: as many lines as a reader can take, and
// beyond that a fixed share, so that a flood costs neither side more than a trickle.

/** Lines a second of one group up to which every request has one; more come as a sample. */
const MOST_LINES = 200
/** So many more at once before a flood counts as one. */
const BURST = 200
/**
 * One request in so many, a whole share of 100, has a line in any case: by these, groups are told
 * apart in a flood.
 */
export const SHARE = 50

// Nothing that a client may choose, so that a field can't be forged.
const FIELDS = [
  '$server_name',
  '$status',
  '$request_time',
  '$upstream_status',
  '$upstream_header_time',
  '$upstream_addr',
  '$upstream_http_x_plimsoll_failed',
  '$plimsoll_line',
]

/** For the http block. A line is marked `a` as one of all or of a sample, `b` as one in `SHARE`. */
export function lineFormat(token: string): string {
  return `  log_format plimsoll_lines '${[token, ...FIELDS].join('|')}';
  # A bucket as in limit_req, which only counts here and holds nothing back.
  limit_req_zone $server_name zone=plimsoll_lines:64k rate=${MOST_LINES}r/s;
  split_clients "$connection.$connection_requests.$msec" $plimsoll_share {
    ${100 / SHARE}% b;
    * "";
  }
  map $limit_req_status $plimsoll_line { PASSED a$plimsoll_share; default $plimsoll_share; }`
}

/** For a group's server block. `condition`: there is a line where its value is not empty. */
export function lines(logPort: number, condition = '$plimsoll_line'): string {
  return `    limit_req zone=plimsoll_lines burst=${BURST} nodelay;
    limit_req_dry_run on;
    access_log syslog:server=127.0.0.1:${logPort},nohostname,tag=plimsoll plimsoll_lines if=${condition};`
}
