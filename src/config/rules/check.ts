// The rules between values, which no schema of single values can hold. One function per rule.
import { httpOf, scalingOf } from '../build.ts'
import type { Path } from '../document.ts'
import type { Examined, Finding } from '../findings.ts'
import { checkBalancing } from './balancing.ts'
import type { FileCase, GroupCase, Verdict } from './cases.ts'
import { checkListening } from './listening.ts'
import { checkMonitor } from './monitor.ts'
import { checkNames } from './names.ts'
import { checkResources } from './resources.ts'
import { checkHours, checkSchedule, checkSteps } from './scaling.ts'

const RULES: readonly ((at: FileCase) => readonly Verdict[])[] = [
  checkNames,
  eachGroup(checkBounds),
  eachGroup(checkSchedule),
  eachGroup(checkHours),
  eachGroup(checkCommand),
  eachGroup(checkSignals),
  eachGroup(checkSteps),
  eachGroup(checkWorker),
  checkBalancing,
  checkListening,
  checkResources,
  checkMonitor,
]

/** Every rule that the file breaks. Rules whose values were refused already stay silent. */
export function checkRules(examined: Examined, raw: unknown): readonly Finding[] {
  const { file } = examined
  if (file === undefined) return []
  const of = Object.keys(mapAt(raw, 'groups')).length
  const groups = Object.entries(file.groups).map(([name, group]) => ({
    name,
    group,
    path: ['groups', name],
    scaling: scalingOf(file, group),
    http: httpOf(group, of),
  }))
  const at = { file, groups, resourceNames: Object.keys(mapAt(raw, 'resources')) }
  // Without one of its entries a list counts anew, so that all of it is as good as gone.
  const removed = examined.removed.map((path) => (isIndex(path.at(-1)) ? path.slice(0, -1) : path))
  const isGone = (path: Path) => removed.some((gone) => startsWith(path, gone))
  const isTouched = (path: Path) => removed.some((gone) => overlap(gone, path))
  return RULES.flatMap((rule) => rule(at))
    .filter(({ path, uses }) => !isGone(path) && !uses?.some(isTouched))
    .map(({ uses: _, ...verdict }) => ({ kind: 'rule', ...verdict }))
}

function mapAt(raw: unknown, key: string): object {
  const part: unknown = (raw as Record<string, unknown>)[key]
  return typeof part === 'object' && part !== null ? part : {}
}

function overlap(a: Path, b: Path): boolean {
  return startsWith(a, b) || startsWith(b, a)
}

function isIndex(step: string | number | undefined): boolean {
  return typeof step === 'number'
}

function startsWith(path: Path, start: Path): boolean {
  return start.every((step, index) => step === path[index])
}

function eachGroup(rule: (group: GroupCase, at: FileCase) => readonly Verdict[]) {
  return (at: FileCase) => at.groups.flatMap((group) => rule(group, at))
}

function checkBounds({ group, path, scaling, http }: GroupCase): readonly Verdict[] {
  const own = (key: 'min_instances' | 'max_instances'): Path =>
    group.scaling?.[key] === undefined ? ['scaling', key] : [...path, 'scaling', key]
  const { min_instances: min = 1, max_instances: max = 5 } = scaling
  const minPath = own('min_instances')
  const maxPath = own('max_instances')
  if (max < min)
    return [
      {
        path: group.scaling?.max_instances === undefined ? minPath : maxPath,
        uses: [minPath, maxPath],
        expected: `max_instances of at least min_instances, ${min}`,
        message: `max_instances, ${max}, is below min_instances, ${min}.`,
      },
    ]
  if (min > 0 || http === undefined) return []
  return [
    {
      path: minPath,
      uses: [[...path, 'http']],
      expected: 'at least 1, or http: none',
      message:
        'min_instances of 0 with http: a request could find no instance; expected at least 1.',
    },
  ]
}

function checkCommand({ group, path }: GroupCase): readonly Verdict[] {
  const { command, shell } = group.run
  const where = [...path, 'run', 'command']
  const uses = [[...path, 'run', 'shell']]
  if (typeof command === 'string' && !shell) {
    const expected = 'a list of arguments, like [node, server.js], or shell: true beside it'
    return [{ path: where, uses, expected, message: `found text, expected ${expected}.` }]
  }
  if (typeof command !== 'string' && shell && command.length !== 1) {
    const expected = 'one string with shell: true'
    return [{ path: where, uses, expected, message: `found a list, expected ${expected}.` }]
  }
  if (typeof command === 'string' || (command[0] ?? '') !== '') return []
  return [
    {
      path: [...where, 0],
      expected: 'the program to run',
      message: 'found "", expected the program to run.',
    },
  ]
}

const KINDS = ['in_flight', 'rps', 'cpu', 'query'] as const

function checkSignals({ group, path, http }: GroupCase): readonly Verdict[] {
  const found = new Set<string>()
  return (group.signals ?? []).flatMap((signal, index): Verdict[] => {
    const where = [...path, 'signals', index]
    const [kind, ...more] = KINDS.filter((key) => signal[key] !== undefined)
    const isWhole = (signal.target !== undefined) === (kind === 'query')
    if (kind === undefined || more.length > 0 || !isWhole) {
      const expected = `exactly one of ${KINDS.join(', ')} in each entry, and target with query`
      return [{ path: where, uses: [where], expected, message: `expected ${expected}.` }]
    }
    if (kind === 'query') return []
    if (signal.name !== undefined) {
      const message = `name belongs to a query, and this is ${kind}.`
      return [{ path: [...where, 'name'], expected: 'no name', message }]
    }
    if (found.has(kind))
      return [{ path: where, expected: 'each signal once', message: `${kind} is given twice.` }]
    found.add(kind)
    if (kind === 'cpu' || http !== undefined) return []
    const message = `${kind} is measured by the balancer, and this group has no http; expected cpu.`
    return [{ path: where, uses: [[...path, 'http']], expected: 'cpu, or http', message }]
  })
}

function checkWorker({ group, path, http }: GroupCase): readonly Verdict[] {
  const { p99, errors } = group.slo
  if (http !== undefined || (p99 === undefined && errors === undefined)) return []
  const message = 'slo is measured by the balancer, and this group has no http.'
  return [{ path: [...path, 'slo'], uses: [[...path, 'http']], expected: 'http', message }]
}
