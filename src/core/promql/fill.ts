// A group's labels filled into a query. Nothing that stands in a label can end its string.
import { tokensOf } from './scan.ts'

/** What a query is filled in with. Names are those of the file, which need no escaping. */
export interface Blanks {
  readonly app: string
  readonly group: string
  readonly labels?: Readonly<Record<string, string>>
}

/** The placeholders: `$labels` stands between braces, the others within quotes. */
export const PLACEHOLDERS = ['$labels', '$group', '$app'] as const

const WORD = /\$[A-Za-z_]\w*/g

/** The query with its placeholders filled in; one without any comes back as it is. */
export function filledIn(query: string, blanks: Blanks): string {
  return tokensOf(query)
    .map(({ kind, text }) => {
      if (kind === 'word' && text === '$labels') return matchers(blanks.labels ?? {})
      return kind === 'string' ? text.replace(WORD, (word) => nameOf(word, blanks)) : text
    })
    .join('')
}

function nameOf(word: string, { app, group }: Blanks): string {
  if (word === '$group') return group
  return word === '$app' ? app : word
}

/** Matchers for labels as they stand between braces: `job="shop",env="prod"`. */
export function matchers(labels: Readonly<Record<string, string>>): string {
  return Object.entries(labels)
    .map(([name, value]) => `${name}="${escaped(value)}"`)
    .join(',')
}

// Control characters too, so that a query stays one line wherever it is shown.
function escaped(value: string): string {
  return value.replace(/[\\"\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, (char) => {
    if (char === '\\' || char === '"') return `\\${char}`
    const code = char.codePointAt(0) ?? 0
    return code > 0xffff
      ? `\\U${code.toString(16).padStart(8, '0')}`
      : `\\u${code.toString(16).padStart(4, '0')}`
  })
}

/** What is wrong with the placeholders of a query, as a sentence; undefined where nothing is. */
export function misplaced(query: string, hasLabels: boolean): string | undefined {
  let isInside = false
  for (const { kind, text } of tokensOf(query)) {
    if (text === '{' || text === '}') isInside = text === '{'
    const words = kind === 'word' || kind === 'string' ? (text.match(WORD) ?? []) : []
    for (const word of words) {
      const wrong = wrongAt(word, kind === 'string', isInside)
      if (wrong !== undefined) return wrong
      if (word === '$labels' && !hasLabels) return '$labels is used, and the group has no labels'
    }
  }
  return undefined
}

function wrongAt(word: string, isQuoted: boolean, isInside: boolean): string | undefined {
  if (word === '$labels') {
    const isRight = isInside && !isQuoted
    return isRight ? undefined : '$labels stands between braces, like up{$labels}'
  }
  if (word !== '$group' && word !== '$app') {
    return `${word} is no placeholder: there are ${PLACEHOLDERS.join(', ')}`
  }
  return isQuoted ? undefined : `${word} stands within quotes, like up{job="${word}"}`
}
