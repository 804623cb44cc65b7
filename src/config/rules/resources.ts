// Rules for what groups share: needs name a resource, and minimums fit into its connection budget.

import { nearestWord } from '../nearest.ts'
import { RESOURCE_KINDS } from '../schema.ts'
import type { FileCase, GroupCase, Verdict } from './cases.ts'

/** Every rule about resources. */
export function checkResources(at: FileCase): readonly Verdict[] {
  return [
    ...at.groups.flatMap((group) => checkNeeds(group, at)),
    ...checkKinds(at),
    ...checkBudgets(at),
  ]
}

function checkNeeds({ group, path }: GroupCase, { resourceNames }: FileCase): readonly Verdict[] {
  return group.needs.flatMap((name, index): Verdict[] => {
    const where = [...path, 'needs', index]
    if (group.needs.indexOf(name) < index)
      return [{ path: where, expected: 'each name once', message: `${name} is given twice.` }]
    if (resourceNames.includes(name)) return []
    const nearest = nearestWord(name, resourceNames)
    const known = resourceNames.length === 0 ? 'there are none' : resourceNames.join(', ')
    const expected = `the name of a resource (${known})`
    const message = `${name} is no resource; expected ${expected}.`
    return [{ path: where, expected, message, ...(nearest === undefined ? {} : { nearest }) }]
  })
}

function checkKinds({ file }: FileCase): readonly Verdict[] {
  return Object.entries(file.resources).flatMap(([name, resource]): Verdict[] => {
    const kinds = RESOURCE_KINDS.filter((kind) => resource[kind] !== undefined)
    if (kinds.length < 2) return []
    const expected = 'one kind per resource'
    const message = `is ${kinds.join(' and ')} at once; expected ${expected}.`
    return [{ path: ['resources', name], expected, message }]
  })
}

function checkBudgets({ file, groups }: FileCase): readonly Verdict[] {
  return Object.entries(file.resources).flatMap(([name, { connections }]): Verdict[] => {
    if (connections === undefined) return []
    const users = groups.filter(({ group }) => group.needs.includes(name))
    const least = users.reduce((sum, { scaling }) => sum + (scaling.min_instances ?? 1), 0)
    const opened = Math.max(1, least) * connections.per_instance
    const needed = opened + connections.reserve
    if (needed <= connections.total) return []
    const kept = connections.reserve > 0 ? `, ${connections.reserve} are kept` : ''
    const who = users.map((user) => user.name).join(', ')
    const message =
      least <= 1
        ? `one instance opens ${opened} connections${kept}, and total is ${connections.total}.`
        : `the minimum of ${who}, ${least} instances, opens ${opened} connections${kept}, and total is ${connections.total}.`
    return [
      {
        path: ['resources', name, 'connections', 'total'],
        uses: [
          ['resources', name],
          ['scaling', 'min_instances'],
          ...users.map(({ path }) => [...path, 'scaling', 'min_instances']),
        ],
        expected: `at least ${needed}`,
        message,
      },
    ]
  })
}
