// Rules for what is asked of the monitor: queries that can be filled in, labels, one way to log in.
import { misplaced } from '../../core/promql/fill.ts'
import { HEADER_PATTERN, prometheusOf } from '../blocks/metrics.ts'
import { signalNames } from '../build.ts'
import type { Path } from '../document.ts'
import type { FileCase, GroupCase, Verdict } from './cases.ts'

const LABEL = /^[A-Za-z_][A-Za-z0-9_]{0,199}$/
const LABEL_EXPECTED = 'a name of letters, digits and _, not starting with a digit or __'
/** Headers that let somebody in. */
const SECRET_HEADER = /^(authorization|proxy-authorization|cookie)$|token|secret|key|password/i

/** Every rule about the monitor. */
export function checkMonitor({ file, groups }: FileCase): readonly Verdict[] {
  const isThere = file.metrics !== undefined
  return [
    ...groups.flatMap((group) => [
      ...checkLabels(group),
      ...checkNames(group),
      ...(group.group.signals ?? []).flatMap((_, i) => checkQuery(group, i, isThere)),
    ]),
    ...checkAccess(file),
  ]
}

function checkLabels({ group, path }: GroupCase): readonly Verdict[] {
  return Object.entries(group.labels ?? {}).flatMap(([name, value]): Verdict[] => {
    const where = [...path, 'labels', name]
    if (!LABEL.test(name) || name.startsWith('__')) {
      const message = `expected ${LABEL_EXPECTED}.`
      return [{ path: where, atKey: true, expected: LABEL_EXPECTED, message }]
    }
    if (value.isWellFormed()) return []
    return [{ path: where, expected: 'text', message: 'found half a character, expected text.' }]
  })
}

function checkNames({ group, path }: GroupCase): readonly Verdict[] {
  const names = signalNames(group.signals ?? [])
  return names.flatMap((name, index): Verdict[] => {
    const where = [...path, 'signals', index, 'name']
    if (name === 'cpu') {
      const message = 'cpu is what the CPU of the group is called; expected another name.'
      return [{ path: where, expected: 'another name', message }]
    }
    if (name === undefined || names.indexOf(name) === index) return []
    const message = `the name ${name} is given twice; expected another name.`
    return [{ path: where, expected: 'another name', message }]
  })
}

function checkQuery(
  { group, path }: GroupCase,
  index: number,
  isThere: boolean,
): readonly Verdict[] {
  const signal = group.signals?.[index]
  const where: Path = [...path, 'signals', index]
  if (signal?.query === undefined) return []
  if (!isThere) {
    const message = 'a query needs metrics.prometheus, and the file has none.'
    return [{ path: where, uses: [['metrics']], expected: 'metrics.prometheus', message }]
  }
  const labels = Object.keys(group.labels ?? {})
  const wrong = misplaced(signal.query, labels.length > 0)
  if (wrong === undefined) return []
  const uses = [[...path, 'labels']]
  return [
    {
      path: [...where, 'query'],
      uses,
      expected: 'a query that can be filled in',
      message: `${wrong}.`,
    },
  ]
}

function checkAccess({ metrics }: FileCase['file']): readonly Verdict[] {
  if (metrics === undefined) return []
  const { bearer, basic, headers } = prometheusOf(metrics)
  const where = ['metrics', 'prometheus']
  const open = Object.entries(headers).flatMap(([name, value]): Verdict[] => {
    const at = [...where, 'headers', name]
    if (!HEADER_PATTERN.test(name)) {
      return [
        { path: at, atKey: true, expected: 'a header', message: 'expected the name of a header.' },
      ]
    }
    if (!SECRET_HEADER.test(name) || value.startsWith('$')) return []
    const expected = 'a $NAME: the secret itself stands in the environment'
    return [{ path: at, expected, message: `expected ${expected}.` }]
  })
  const ways = [
    ...(bearer === undefined ? [] : ['bearer']),
    ...(basic === undefined ? [] : ['basic']),
    ...Object.keys(headers).filter((name) => name.toLowerCase() === 'authorization'),
  ]
  if (ways.length < 2) return open
  const message = `${ways.join(' and ')} are given at once; expected one of them.`
  return [...open, { path: where, expected: 'one way to log in', message }]
}
