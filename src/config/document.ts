// YAML text as a value that knows where each part stands. Knows YAML, but no key of the file.
import {
  type Document,
  isAlias,
  isMap,
  isNode,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  parseDocument,
  type YAMLError,
} from 'yaml'

/** Steps from the top of the file to a value: keys of maps and indexes of lists. */
export type Path = readonly (string | number)[]

/** A place in the text, both counted from 1. */
export interface Place {
  readonly line: number
  readonly column: number
}

/** What is wrong with the text as YAML. */
export interface SyntaxProblem extends Place {
  readonly message: string
  readonly expected: string
}

/** A text that could be read: its value, and the place of each part. */
export interface Source {
  readonly value: unknown
  /** Place of the value at a path; of its nearest parent where it is absent. */
  place(path: Path): Place
  /** Place of a key in the map at a path. */
  placeOfKey(path: Path, key: string): Place
}

/** What reading gave: a source where there is one to look at, and what is wrong with the text. */
export interface ReadResult {
  readonly source?: Source
  readonly problems: readonly SyntaxProblem[]
}

/** Largest file that is read, in bytes. */
export const LARGEST_BYTES = 1 << 20
const MOST_ALIASES = 100
const MOST_PROBLEMS = 100
const START: Place = { line: 1, column: 1 }

/** Reads YAML text. Never throws, whatever the text; the time and memory it takes are bounded. */
export function readDocument(text: string): ReadResult {
  if (Buffer.byteLength(text) > LARGEST_BYTES)
    return refused(START, 'The file is larger than 1 MiB.', 'at most 1 MiB')
  try {
    return read(text)
  } catch (error) {
    // The parser gives up by throwing on too many aliases and on nesting deeper than the stack.
    const deep = error instanceof RangeError
    return deep
      ? refused(START, 'The file is nested too deeply.', 'a few levels of maps and lists')
      : refused(START, 'The file uses too many aliases.', `at most ${MOST_ALIASES} aliases`)
  }
}

/** The value at a path of plain data; undefined when there is none. */
export function valueAt(value: unknown, path: Path): unknown {
  let at = value
  for (const step of path) {
    if (typeof at !== 'object' || at === null || !Object.hasOwn(at, step)) return undefined
    at = (at as Record<string | number, unknown>)[step]
  }
  return at
}

function read(text: string): ReadResult {
  const lines = new LineCounter()
  const doc = parseDocument(text, {
    lineCounter: lines,
    prettyErrors: false,
    logLevel: 'error',
    merge: false,
  })
  const found = [...doc.errors, ...doc.warnings]
  const problems = found.slice(0, MOST_PROBLEMS).map((error) => syntaxProblem(error, text, lines))
  // A key given twice leaves the rest readable; anything else does not.
  if (found.some((error) => error.code !== 'DUPLICATE_KEY')) return { problems }
  if (doc.contents === null || isEmptyScalar(doc.contents))
    return refused(START, 'The file is empty.', 'a map with groups')
  const odd = oddities(doc.contents, (node) => placeOfNode(lines, node) ?? START)
  if (odd.length > 0) return { problems: [...problems, ...odd].slice(0, MOST_PROBLEMS) }
  const value: unknown = doc.toJS({ maxAliasCount: MOST_ALIASES })
  return { source: sourceOf(doc, lines, value), problems }
}

function sourceOf(doc: Document, lines: LineCounter, value: unknown): Source {
  const at = (node: unknown) => placeOfNode(lines, node)
  return {
    value,
    place: (path) => at(nearestNode(doc, path)) ?? START,
    placeOfKey: (path, key) => {
      const node = nearestNode(doc, path)
      const pair = isMap(node) ? node.items.find((item) => keyText(item.key) === key) : undefined
      return at(pair?.key) ?? at(node) ?? START
    },
  }
}

/** The node at a path, or the deepest one on the way to it; an alias stands where it is used. */
function nearestNode(doc: Document, path: Path): unknown {
  let node: unknown = doc.contents
  for (const step of path) {
    const next = childOf(isAlias(node) ? node.resolve(doc) : node, step)
    if (next === undefined || next === null) break
    node = next
  }
  return node
}

function childOf(node: unknown, step: string | number): unknown {
  if (isSeq(node)) return typeof step === 'number' ? node.items[step] : undefined
  if (!isMap(node)) return undefined
  const pair = node.items.find((item) => keyText(item.key) === String(step))
  return isEmptyScalar(pair?.value) ? pair?.key : (pair?.value ?? pair?.key)
}

function keyText(key: unknown): string {
  return isScalar(key) ? String(key.value) : ''
}

function isEmptyScalar(node: unknown): boolean {
  return isScalar(node) && node.value === null && (node.source ?? '') === ''
}

/** Keys that a plain object can't hold (maps, lists, `__proto__`), and aliases of nothing. */
function oddities(root: unknown, placeOf: (node: unknown) => Place): SyntaxProblem[] {
  const nodes = nodesOf(root)
  const anchors = new Set(nodes.map((node) => (isAlias(node) ? undefined : node.anchor)))
  return nodes.flatMap((node): SyntaxProblem[] => {
    if (isAlias(node) && !anchors.has(node.source)) {
      const [message, expected] = SYNTAX_WORDS.BAD_ALIAS ?? ['', '']
      return [{ ...placeOf(node), message, expected }]
    }
    if (!isMap(node)) return []
    const odd = node.items.filter(({ key }) => !isScalar(key) || key.value === '__proto__')
    return odd.map(({ key }) => ({
      ...placeOf(key ?? node),
      message: 'This key is no plain word.',
      expected: 'a plain word',
    }))
  })
}

function nodesOf(root: unknown): Node[] {
  const nodes: Node[] = []
  const left: unknown[] = [root]
  while (left.length > 0) {
    const node = left.pop()
    if (!isNode(node)) continue
    nodes.push(node)
    if (isSeq(node)) for (const item of node.items) left.push(item)
    if (isMap(node)) for (const { value } of node.items) left.push(value)
  }
  return nodes
}

function placeOfNode(lines: LineCounter, node: unknown): Place | undefined {
  const start = isNode(node) ? node.range?.[0] : undefined
  return start === undefined ? undefined : placeAt(lines, start)
}

function placeAt(lines: LineCounter, offset: number): Place {
  const { line, col } = lines.linePos(offset)
  return { line: Math.max(1, line), column: Math.max(1, col) }
}

/** Own words where the parser's would quote the text, which may be a secret, or say too little. */
const SYNTAX_WORDS: Readonly<Record<string, readonly [message: string, expected: string]>> = {
  BAD_ALIAS: ['* starts an alias that is not defined.', 'quotes around text that starts with *'],
  BAD_SCALAR_START: ['Text can not start with this character.', 'quotes around the text'],
  BAD_DIRECTIVE: ['% starts a directive that is not known.', 'quotes around text with a %'],
  BAD_DQ_ESCAPE: ['\\ starts an escape that is not known.', '\\\\, or single quotes'],
  MULTIPLE_DOCS: ['The file holds several documents.', 'one document, without --- between'],
  TAB_AS_INDENT: ['A tab indents this line.', 'spaces'],
  TAG_RESOLVE_FAILED: [
    '! starts a tag that is not known.',
    'quotes around text that starts with !',
  ],
  UNEXPECTED_TOKEN: ['This does not fit here.', 'valid YAML: check indentation, quotes and commas'],
  RESOURCE_EXHAUSTION: ['The file is nested too deeply.', 'a few levels of maps and lists'],
  IMPOSSIBLE: ['This can not be read.', 'valid YAML'],
}

function syntaxProblem(error: YAMLError, text: string, lines: LineCounter): SyntaxProblem {
  const where = placeAt(lines, error.pos[0])
  if (error.code === 'DUPLICATE_KEY') {
    const key = /^[\w.-]{1,60}/.exec(text.slice(error.pos[0], error.pos[0] + 60))?.[0]
    return { ...where, message: `${key ?? 'This key'} is given twice.`, expected: 'each key once' }
  }
  const [message, expected] = SYNTAX_WORDS[error.code] ?? [sentence(error.message), 'valid YAML']
  return { ...where, message, expected }
}

/** One line that ends like a sentence. */
function sentence(message: string): string {
  const line = message.replace(/[\s\p{Cc}]+/gu, ' ').trim()
  return /[.!?]$/.test(line) ? line : `${line}.`
}

function refused(place: Place, message: string, expected: string): ReadResult {
  return { problems: [{ ...place, message, expected }] }
}
