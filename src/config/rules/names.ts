// Rules for names that the user chooses: groups, resources, environment variables.

import type { Path } from '../document.ts'
import { NAME_EXPECTED, NAME_PATTERN, VARIABLE_EXPECTED, VARIABLE_PATTERN } from '../fields.ts'
import type { FileCase, GroupCase, Verdict } from './cases.ts'

/** Names must fit their pattern, and variables that Plimsoll sets itself can't be set in `env`. */
export function checkNames({ file, groups }: FileCase): readonly Verdict[] {
  return [
    ...Object.keys(file.groups).flatMap((name) => checkName(['groups', name])),
    ...Object.keys(file.resources).flatMap((name) => checkName(['resources', name])),
    ...groups.flatMap(checkVariables),
  ]
}

function checkName(path: Path): readonly Verdict[] {
  if (NAME_PATTERN.test(String(path.at(-1)))) return []
  const message = `expected ${NAME_EXPECTED}.`
  return [{ path, atKey: true, expected: NAME_EXPECTED, message }]
}

function checkVariables({ group, path, http }: GroupCase): readonly Verdict[] {
  return Object.keys(group.run.env).flatMap((name): Verdict[] => {
    const where = [...path, 'run', 'env', name]
    if (!VARIABLE_PATTERN.test(name))
      return [
        {
          path: where,
          atKey: true,
          expected: VARIABLE_EXPECTED,
          message: `expected ${VARIABLE_EXPECTED}.`,
        },
      ]
    const isSetByUs = name.startsWith('PLIMSOLL_') || /^(PORT|HOST)$/.test(name)
    if (!isSetByUs || (http === undefined && !name.startsWith('PLIMSOLL_'))) return []
    const message = `${name} is set by Plimsoll for each instance; leave it out.`
    return [
      { path: where, atKey: true, uses: [[...path, 'http']], expected: 'another name', message },
    ]
  })
}
