// Rules for addresses: two things can't listen on one port, unless NGINX tells them apart by name.
import type { Path } from '../document.ts'
import { address } from '../fields.ts'
import type { FileCase, Verdict } from './cases.ts'

interface Listener {
  readonly what: string
  readonly path: Path
  readonly host: string
  readonly port: number
  /** Names by which NGINX finds it; empty where it answers to every name. */
  readonly names: readonly string[]
  readonly isTls: boolean
}

/** Each group that serves HTTP, and the API, needs an address of its own, or names of its own. */
export function checkListening({ file, groups }: FileCase): readonly Verdict[] {
  const api = { what: 'the API', path: ['api', 'listen'], names: [], isTls: false }
  const listeners: Listener[] = [
    { ...api, ...address(file.api.listen) },
    ...groups.flatMap(({ name, path, http }) => {
      if (http === undefined) return []
      const { hostnames = [], tls } = http
      const names = hostnames.map((hostname) => hostname.toLowerCase())
      // The group's own name is one of NGINX's names for it.
      const known = { names: names.length === 0 ? [] : [name, ...names], isTls: tls !== undefined }
      const where = { path: [...path, 'http', 'listen'], ...address(http.listen) }
      return [{ what: `group ${name}`, ...known, ...where }]
    }),
  ]
  return listeners.flatMap((listener, index): Verdict[] => {
    const earlier = listeners.slice(0, index).filter((other) => isTaken(other, listener))
    const other = earlier.find((one) => clash(one, listener) !== undefined)
    if (other === undefined) return []
    const message = `port ${listener.port} is taken by ${other.what}${clash(other, listener)}; expected another port.`
    const uses = [other, listener].flatMap(({ path }) => [
      path,
      [...path.slice(0, -1), 'hostnames'],
    ])
    return [{ path: listener.path, uses, expected: 'another port', message }]
  })
}

/** Why two listeners can't share their port, as the end of a sentence; undefined where they can. */
function clash(a: Listener, b: Listener): string | undefined {
  const common = a.names.find((name) => b.names.includes(name))
  if (a.names.length === 0 || b.names.length === 0 || !sameHost(a.host, b.host)) return ''
  if (common !== undefined) return `, which answers to ${common} too`
  return a.isTls === b.isTls ? undefined : ', and only one of them has tls'
}

function isTaken(a: Listener, b: Listener): boolean {
  const everywhere = (host: string) => host === '0.0.0.0' || host === '::'
  return a.port === b.port && (sameHost(a.host, b.host) || everywhere(a.host) || everywhere(b.host))
}

function sameHost(a: string, b: string): boolean {
  const plain = (host: string) => (host.toLowerCase() === 'localhost' ? '127.0.0.1' : host)
  return plain(a).toLowerCase() === plain(b).toLowerCase()
}
