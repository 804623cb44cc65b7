// What is wrong with a file, in words: place, path, the value found, what was expected, the nearest
// key.
import { type Path, type Place, type Source, type SyntaxProblem, valueAt } from './document.ts'
import type { Finding } from './findings.ts'
import { nearestWord } from './nearest.ts'
import { hidden, isSecret } from './secrets.ts'
import { wordsAt } from './vocabulary.ts'

/** One thing that is wrong with a file. Line and column count from 1. */
export interface Problem extends Place {
  /** Where in the file, like `groups.web.signals[0].rps`; empty for the file itself. */
  readonly path: string
  /** The value found, shortened; `(hidden)` where it may be a secret; empty where there is none. */
  readonly value: string
  readonly expected: string
  /** One sentence that says it all but the place. */
  readonly message: string
  /** The known key or word that was probably meant. */
  readonly nearest?: string
}

const START: Place = { line: 1, column: 1 }

/** Words a fault of the YAML text itself. */
export function problemOfSyntax({ line, column, message, expected }: SyntaxProblem): Problem {
  const full = `${message.replace(/\.$/, '')}; expected ${expected}.`
  return { line, column, path: '', value: '', expected, message: full }
}

/** Words a finding; `source` is absent where the values came from a command line. */
export function problemOf(finding: Finding, value: unknown, source?: Source): Problem {
  if (finding.kind === 'unknown') return unknownKey(finding.path, finding.key, source)
  const { path, expected } = finding
  const isKey = finding.kind === 'rule' && finding.atKey === true
  const place = isKey
    ? source?.placeOfKey(path.slice(0, -1), String(path.at(-1)))
    : source?.place(path)
  const found = valueAt(value, path)
  const shown = found === undefined ? '' : shownValue(path, found)
  const nearest = finding.kind === 'rule' ? finding.nearest : nearestValue(path, found)
  return {
    ...(place ?? START),
    path: pathText(path),
    value: shown,
    expected,
    message: finding.kind === 'rule' ? finding.message : wrongValue(path, found, expected),
    ...(nearest === undefined ? {} : { nearest }),
  }
}

/** The problems as lines for a person: `file:line:column path: message`. */
export function formatProblems(problems: readonly Problem[], file: string): string {
  return problems
    .map(({ line, column, path, message, nearest }) => {
      const where = `${file}:${line}:${column}`
      const meant = nearest === undefined ? '' : ` Did you mean ${nearest}?`
      return `${where} ${path === '' ? '' : `${path}: `}${message}${meant}`
    })
    .join('\n')
}

/** A path as people write it: `groups.web.signals[0]`. */
export function pathText(path: Path): string {
  return path
    .map((step, index) => {
      if (typeof step === 'number') return `[${step}]`
      const text = shortened(step)
      return index === 0 ? text : `.${text}`
    })
    .join('')
}

function unknownKey(path: Path, key: string, source: Source | undefined): Problem {
  const known = wordsAt(path).keys
  const nearest = nearestWord(key, known)
  return {
    ...(source?.placeOfKey(path, key) ?? START),
    path: pathText([...path, key]),
    value: shortened(key),
    expected: known.length === 0 ? 'no key' : `one of ${known.join(', ')}`,
    message: `unknown key; known here: ${known.join(', ')}.`,
    ...(nearest === undefined ? {} : { nearest }),
  }
}

function nearestValue(path: Path, found: unknown): string | undefined {
  return typeof found === 'string' ? nearestWord(found, wordsAt(path).values) : undefined
}

function wrongValue(path: Path, found: unknown, expected: string): string {
  if (found === undefined) return `is missing; expected ${expected}.`
  return `found ${shownValue(path, found)}, expected ${expected}${hint(path, found, expected)}.`
}

/** How to write what was probably meant, where a unit is missing or one too many. */
function hint(path: Path, found: unknown, expected: string): string {
  if (isSecret(path, found)) return ''
  const bare = /^\d+(\.\d+)?$/.test(String(found)) ? String(found) : undefined
  if (expected.startsWith('a percentage') && /^\d+(\.\d+)?%$/.test(String(found)))
    return `: write ${String(found).slice(0, -1)}`
  if (bare === undefined) return ''
  if (expected.startsWith('a duration')) return `: write ${bare}ms or ${bare}s`
  if (expected.startsWith('a size')) return `: write ${bare}KB or ${bare}MB`
  return expected.startsWith('a share') ? `: write ${bare}%` : ''
}

function shownValue(path: Path, found: unknown): string {
  if (isSecret(path, found)) return hidden
  if (found === null) return 'nothing'
  if (Array.isArray(found)) return 'a list'
  if (typeof found === 'object') return 'a map'
  return typeof found === 'string' ? JSON.stringify(shortened(found)) : String(found)
}

/** At most 60 characters, without control sequences. */
function shortened(text: string): string {
  const plain = text.replace(/[\p{Cc}\p{Cf}]+/gu, ' ')
  return plain.length > 60 ? `${plain.slice(0, 59)}…` : plain
}
