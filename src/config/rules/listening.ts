// Rules for addresses: two things can't listen on one port.

import type { Path } from '../document.ts'
import { address } from '../fields.ts'
import type { FileCase, Verdict } from './cases.ts'

interface Listener {
  readonly what: string
  readonly path: Path
  readonly host: string
  readonly port: number
}

/** Each group that serves HTTP, and the API, needs an address of its own. */
export function checkListening({ file, groups }: FileCase): readonly Verdict[] {
  const listeners: Listener[] = [
    { what: 'the API', path: ['api', 'listen'], ...address(file.api.listen) },
    ...groups.flatMap(({ name, path, http }) =>
      http === undefined
        ? []
        : [{ what: `group ${name}`, path: [...path, 'http', 'listen'], ...address(http.listen) }],
    ),
  ]
  return listeners.flatMap((listener, index): Verdict[] => {
    const other = listeners.slice(0, index).find((earlier) => isTaken(earlier, listener))
    if (other === undefined) return []
    const message = `port ${listener.port} is taken by ${other.what}; expected another port.`
    return [{ path: listener.path, uses: [other.path], expected: 'another port', message }]
  })
}

function isTaken(a: Listener, b: Listener): boolean {
  const everywhere = (host: string) => host === '0.0.0.0' || host === '::'
  return a.port === b.port && (sameHost(a.host, b.host) || everywhere(a.host) || everywhere(b.host))
}

function sameHost(a: string, b: string): boolean {
  const plain = (host: string) => (host.toLowerCase() === 'localhost' ? '127.0.0.1' : host)
  return plain(a).toLowerCase() === plain(b).toLowerCase()
}
