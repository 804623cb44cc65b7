// Rules for what carries the requests: one balancer for all groups, and what only NGINX can do.
import type { FileHttp } from '../schema.ts'
import type { FileCase, GroupCase, Verdict } from './cases.ts'

/** What the built-in balancer has not got. */
const NGINX_ONLY = ['hostnames', 'tls', 'members'] as const

/** Groups share one `via`, ask the built-in balancer for nothing it lacks, repeat nothing. */
export function checkBalancing({ groups }: FileCase): readonly Verdict[] {
  const said = groups.find(({ http }) => http?.via !== undefined)
  return groups.flatMap((group) => [
    ...checkSame(group, said),
    ...checkBuiltin(group, said),
    ...checkOnce(group),
  ])
}

function checkSame({ path, http }: GroupCase, said: GroupCase | undefined): readonly Verdict[] {
  const via = said?.http?.via
  if (said === undefined || http?.via === undefined || wordsOf(via) === wordsOf(http.via)) return []
  const expected = `${wordsOf(via)}, or nothing`
  const message = `the groups share one balancer, and group ${said.name} says ${wordsOf(via)}; expected the same here, or nothing.`
  const uses = [[...said.path, 'http', 'via']]
  return [{ path: [...path, 'http', 'via'], uses, expected, message }]
}

function checkBuiltin({ path, http }: GroupCase, said: GroupCase | undefined): readonly Verdict[] {
  if (said?.http?.via !== 'builtin') return []
  return NGINX_ONLY.filter((key) => http?.[key] !== undefined).map((key): Verdict => {
    const message = `the built-in balancer has no ${key}; expected via: nginx with it.`
    const uses = [[...said.path, 'http', 'via']]
    return { path: [...path, 'http', key], uses, expected: 'via: nginx', message }
  })
}

function checkOnce({ path, http }: GroupCase): readonly Verdict[] {
  return (['hostnames', 'members'] as const).flatMap((key) => {
    const given = (http?.[key] ?? []).map((value) => value.toLowerCase())
    return given.flatMap((value, index): Verdict[] => {
      if (given.indexOf(value) === index) return []
      const where = [...path, 'http', key, index]
      return [{ path: where, expected: 'each once', message: `${value} is given twice.` }]
    })
  })
}

function wordsOf(via: FileHttp['via']): string {
  if (typeof via === 'string') return via
  if (via === undefined || Array.isArray(via)) return '[nginx, builtin]'
  return `{ nginx: { attach: ${via.nginx.attach} } }`
}
