// The text of our file in an installation of others. All names in it are this application's own,
// and nothing in it changes a setting of theirs. NGINX must be able to start with it whatever lies
// on the disk: a Unix socket that a crash left behind keeps it from starting, so we listen on none.
import type { BalancerGroup } from '../../../core/ports.ts'
import { Control } from '../control.ts'
import type { GroupState, NginxState } from '../state.ts'
import { leavingPath, servingPool } from '../targets/links.ts'
import { generationAnswer, SERVED } from '../written/config.ts'
import { listenAddress } from '../written/grammar.ts'
import { lineFormat } from '../written/lines.ts'
import { type Guest, type ListenerSettings, listeners, opening } from '../written/listener.ts'
import { MAPS, poolVariables } from '../written/maps.ts'
import { upstreams } from '../written/upstreams.ts'
import { header, type Owner } from './place.ts'

/** The group's name inside NGINX, where another application may have one of the same name. */
export function innerName(group: string, { id }: Owner): string {
  return `${group}-${id.slice(0, 4)}`
}

/** The name outside. */
export function outerName(group: string, { id }: Owner): string {
  return group.slice(0, -id.slice(0, 4).length - 1)
}

/** The upstream that any server of the installation may pass requests to. */
export function entryName(group: string): string {
  return `plimsoll_${group}`
}

/** What the text depends on beside the state. */
export interface IncludeSettings {
  readonly run: string
  /** The folder around our copies of certificates. */
  readonly pairs: string
  readonly owner: Owner
  readonly hasHttp2Directive: boolean
  readonly hasKeepaliveMinTimeout: boolean
}

/** The whole file. At least one group: its listener answers our own questions, too. */
export function renderInclude(state: NginxState, settings: IncludeSettings): string {
  const { run, pairs, owner, hasHttp2Directive, hasKeepaliveMinTimeout } = settings
  const { logPort, groups } = state
  const features = { hasHttp2Directive, hasKeepaliveMinTimeout }
  const listening = { run, logPort, ...features, guest: guest(run, pairs) }
  const text = [
    lineFormat(state.logToken),
    '  # Without somebody who listens each line would be an error in the log.',
    '  map "$plimsoll_watched$plimsoll_line" $plimsoll_told { "~^1." 1; default ""; }',
    MAPS,
    poolMaps(state, run),
    ...groups.flatMap((group) => upstreams(group, run)),
    listeners(groups, listening),
    control(state, listening),
  ]
  const entries = groups.map((group) => entry(group, owner)).join('\n')
  return `${header(owner)}${ownNames(text.join('\n'), owner)}\n${entries}\n`
}

/** What stays where others still speak of our upstreams: NGINX could not start without them. */
export function renderParked(groups: readonly string[], owner: Owner): string {
  const lines = groups.map((group) => `upstream ${entryName(group)} { server 127.0.0.1:9 down; }`)
  return `${header(owner)}# Plimsoll has let go, but the configuration still passes requests to these. Remove that first.
${lines.join('\n')}
`
}

/** Where NGINX answers about the file that is in force. */
export function attachedControl(state: NginxState): Control {
  const group = state.groups[0]?.group
  const host = group === undefined ? '127.0.0.1' : reachable(group.listen.host)
  return new Control({
    at: { host, port: group?.listen.port ?? 9 },
    name: controlName(state),
    isTls: state.groups[0]?.certificate !== undefined,
  })
}

function controlName({ logToken }: NginxState): string {
  return `plimsoll-${logToken}`
}

// Behind the groups' servers, the first of which takes what is meant for no name. A socket of its
// own would be in the way of NGINX's next start where the last one was killed: the
// questions come in by a group's door, under a name that nobody else knows.
function control(state: NginxState, settings: ListenerSettings): string {
  const [first] = state.groups
  if (first === undefined) return ''
  return `  server {
${opening(first, listenAddress(first.group.listen), settings)}
    server_name ${controlName(state)};
    access_log off;
${PLAIN}${generationAnswer(state)}
    location / { return 404; }
  }`
}

// Requests are passed on by one more hop, so that whoever names this needs no reload when instances
// come and go. Without keep-alive: a reload would close it in the middle of a request.
function entry({ group }: GroupState, owner: Owner): string {
  const { port } = group.listen
  const host = reachable(group.listen.host)
  const address = listenAddress({ host, port })
  return `upstream ${entryName(outerName(group.group, owner))} { server ${address} max_fails=0; }`
}

function reachable(host: BalancerGroup['listen']['host']): string {
  if (host === '0.0.0.0' || host.toLowerCase() === 'localhost') return '127.0.0.1'
  return host === '::' ? '::1' : host
}

// What an installation may have set for all its servers, and must not hold for ours.
const OWN = `${SERVED.replace(/^ {2}/gm, '    ')}
    limit_req_log_level info;
    proxy_intercept_errors off;
    proxy_cache off;
    proxy_request_buffering on;
    open_file_cache off;
    uninitialized_variable_warn off;
`

const PLAIN = `${OWN}    auth_basic off;
    allow all;
    gzip off;
`

// The link leads to the controller's process, and to nothing once that is gone.
function guest(run: string, pairs: string): Guest {
  const watched = `    set $plimsoll_watched "";
    if (-e ${run}/watcher) { set $plimsoll_watched 1; }
`
  return { own: OWN, plain: PLAIN, watched, condition: '$plimsoll_told', pairs: `${pairs}/` }
}

// As the pools of an NGINX of our own, but by patterns: in an installation that raised no limit a
// map has room for few and short keys only.
function poolMaps({ generation, groups }: NginxState, run: string): string {
  const lines = groups.flatMap(({ group: { group } }) => {
    const place = pattern(servingPool(run, group, ''))
    const twin = (number: number) =>
      pattern(leavingPath({ run, group, name: '' }, number)).slice(place.length)
    const [own, other] = [twin(generation), twin(generation + 1)]
    return [['', `(${other})?`, 'd', 'p'] as const, ['_leaving', own, 'D', 'P'] as const].flatMap(
      ([tag, end, set, slots]) => {
        const [mask, size, turn] = ['mask', 'size', 'turn'].map((name) => `plimsoll_${name}${tag}`)
        return [
          `    "~^${place}d(?<${mask}>[0-9]+)${end}$" ${set}\${${mask}}_${group};`,
          `    "~^${place}(?<${size}>[0-9]+)[.](?<${turn}>[0-9]+)${end}$" ${slots}\${${size}}_\${${turn}}_${group};`,
        ]
      },
    )
  })
  return poolVariables(lines)
}

function pattern(path: string): string {
  return path.replace(/[.+]/g, '[$&]')
}

const NAME = /(?<![\w./-])plimsoll_(\w+)/g
const NAME_LENGTH = 8

// Variables, formats and zones are one space for the whole installation; paths are left alone. With
// at most 14 bytes two names fit into a bucket of the variables' hash, whatever else is in there.
function ownNames(text: string, { id }: Owner): string {
  const short = new Map<string, string>()
  for (const [, name = ''] of text.matchAll(NAME)) {
    if (short.has(name)) continue
    const taken = [...short.values()]
    const whole = name.slice(0, NAME_LENGTH)
    const number = String(short.size)
    const unique = taken.includes(whole) ? whole.slice(0, -number.length) + number : whole
    short.set(name, unique)
  }
  return text.replace(NAME, (_all, name: string) => `p${id.slice(0, 4)}_${short.get(name)}`)
}
