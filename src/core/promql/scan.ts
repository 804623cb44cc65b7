// PromQL cut into tokens, as far as is needed to fill in labels and to find what a query selects.
// Strings and comments as in Prometheus's own lexer (prometheus.io, "Querying basics").

/** A piece of a query. `selector` tokens come from `selectorsOf` only. */
export interface Token {
  readonly kind: 'string' | 'comment' | 'space' | 'word' | 'number' | 'sign'
  readonly text: string
  readonly at: number
}

const PATTERNS: readonly (readonly [Token['kind'], RegExp])[] = [
  ['space', /\s+/y],
  ['comment', /#[^\n]*/y],
  ['string', /"(?:[^"\\\n]|\\[^\n])*"|'(?:[^'\\\n]|\\[^\n])*'|`[^`]*`/y],
  ['number', /\d[\w.]*|\.\d[\w.]*/y],
  ['word', /[A-Za-z_:][A-Za-z0-9_:]*|\$[A-Za-z_]\w*/y],
]

/** The tokens of a query, which together are its text; what is no other token is a `sign`. */
export function tokensOf(query: string): readonly Token[] {
  const tokens: Token[] = []
  for (let at = 0; at < query.length; ) {
    const token = tokenAt(query, at)
    tokens.push(token)
    at += token.text.length
  }
  return tokens
}

function tokenAt(query: string, at: number): Token {
  for (const [kind, pattern] of PATTERNS) {
    pattern.lastIndex = at
    const text = pattern.exec(query)?.[0]
    if (text !== undefined) return { kind, text, at }
  }
  return { kind: 'sign', text: query.charAt(at), at }
}

/** Words that are followed by a list of labels. */
const GROUPING = new Set(['by', 'without', 'on', 'ignoring', 'group_left', 'group_right'])
/** Words that are no name of a metric wherever they stand. */
const KEYWORDS = new Set(['and', 'or', 'unless', 'offset', 'bool', 'inf', 'nan', 'atan2'])
const AGGREGATIONS = new Set(
  'sum min max avg group stddev stdvar count count_values bottomk topk quantile'.split(' '),
)
/** More than these are not looked at. */
const MOST = 8

/**
 * The instant vector selectors in a query, without ranges and modifiers, each once, at most eight.
 * A selector that is not recognised is left out.
 */
export function selectorsOf(query: string): readonly string[] {
  const tokens = tokensOf(query).filter((t) => t.kind !== 'space' && t.kind !== 'comment')
  const found = new Set<string>()
  for (let i = 0; i < tokens.length && found.size < MOST; i += 1) {
    const token = tokens[i]
    if (token?.kind === 'word' && GROUPING.has(token.text.toLowerCase())) {
      if (tokens[i + 1]?.text === '(') i = endOf(tokens, i + 1, ')')
    } else if (token?.kind === 'word' && isMetric(token.text, tokens[i + 1])) {
      const end = tokens[i + 1]?.text === '{' ? endOf(tokens, i + 1, '}') : i
      found.add(textOf(tokens, i, end))
      i = end
    } else if (token?.text === '{') {
      const end = endOf(tokens, i, '}')
      found.add(textOf(tokens, i, end))
      i = end
    } else if (token?.text === '[') i = endOf(tokens, i, ']')
  }
  return [...found]
}

function isMetric(word: string, next: Token | undefined): boolean {
  const small = word.toLowerCase()
  if (next?.text === '(' || KEYWORDS.has(small) || word.startsWith('$')) return false
  const isAggregation = AGGREGATIONS.has(small) && /^(by|without)$/i.test(next?.text ?? '')
  return !isAggregation
}

function endOf(tokens: readonly Token[], from: number, sign: string): number {
  const end = tokens.findIndex((t, i) => i > from && t.kind === 'sign' && t.text === sign)
  return end < 0 ? tokens.length : end
}

function textOf(tokens: readonly Token[], from: number, to: number): string {
  return tokens
    .slice(from, to + 1)
    .map((t) => t.text)
    .join('')
}
