// Rules that need the syntax tree: functions, parameters, comments, what the core must not do.
import {
  codeFiles,
  isNode,
  type Objection,
  type Rule,
  type SourceFile,
  type SyntaxNode,
  walk,
} from './source.ts'

const MOST_FUNCTION_LINES = 70
const MOST_PARAMETERS = 4

type CodeFile = SourceFile & { readonly tree: SyntaxNode }

/** A function has at most 70 lines and 4 parameters. */
export const functionSize: Rule = (files) =>
  codeFiles(files).flatMap((file) =>
    collect(file, (node) => {
      if (!/Function|ClassMethod|ClassPrivateMethod|ObjectMethod/.test(node.type)) return []
      if (!isNode(node.body) || isSuite(node)) return []
      const lines = linesOf(node)
      const parameters = Array.isArray(node.params) ? node.params.length : 0
      return [
        ...(lines > MOST_FUNCTION_LINES
          ? [{ rule: 'function-wall', message: `${lines} lines, at most ${MOST_FUNCTION_LINES}` }]
          : []),
        ...(parameters > MOST_PARAMETERS
          ? [
              {
                rule: 'parameters',
                message: `${parameters} parameters, at most ${MOST_PARAMETERS}`,
              },
            ]
          : []),
      ]
    }),
  )

/** The body of a suite is a list of tests, not a function that anyone reads as one. */
function isSuite(node: SyntaxNode): boolean {
  const body = isNode(node.body) ? node.body.body : undefined
  if (!Array.isArray(body)) return false
  const tests = (body as readonly unknown[]).filter(isNode).filter(isTestCall)
  const lines = tests.reduce((sum, test) => sum + linesOf(test), 0)
  return lines > linesOf(node) / 2
}

function isTestCall(node: SyntaxNode): boolean {
  const call = isNode(node.expression) ? node.expression : undefined
  const callee = call !== undefined && isNode(call.callee) ? call.callee : undefined
  return /^(test|testWhere|it|describe|suite)$/.test(String(callee?.name))
}

function linesOf(node: SyntaxNode): number {
  return node.loc.end.line - node.loc.start.line + 1
}

/** `any` is nowhere. */
export const noAny: Rule = (files) =>
  codeFiles(files).flatMap((file) =>
    collect(file, (node) =>
      node.type === 'TSAnyKeyword' ? [{ rule: 'no-any', message: 'use unknown, or the type' }] : [],
    ),
  )

/** A file opens with a comment that says what it is for. */
export const openingComment: Rule = (files) =>
  codeFiles(files).flatMap(({ path, lines }) => {
    const first = lines.find((line) => !line.startsWith('#!')) ?? ''
    if (/^(\/\/ ?\S|\/\*)/.test(first)) return []
    const message = 'open with a comment that says what the file is for'
    return [{ path, line: 1, rule: 'opening-comment', message }]
  })

/** Every export says in a comment what it is. */
export const docstrings: Rule = (files) =>
  codeFiles(files)
    .filter((file) => !file.isTest)
    .flatMap((file) =>
      collect(file, (node) => {
        if (!/^Export(Named|Default)Declaration$/.test(node.type)) return []
        // `export { x } from` repeats what is described elsewhere.
        if (!isNode(node.declaration) || isDescribed(node)) return []
        const name = nameOf(node.declaration)
        return [{ rule: 'docstring', message: `say what ${name} is, in a /** comment */` }]
      }),
    )

function isDescribed(node: SyntaxNode): boolean {
  const last = node.leadingComments?.at(-1)
  return last?.type === 'CommentBlock' && last.value.startsWith('*')
}

function nameOf(declaration: SyntaxNode): string {
  const declared = Array.isArray(declaration.declarations) ? declaration.declarations[0] : undefined
  const holder = isNode(declared) ? declared : declaration
  return isNode(holder.id) ? String(holder.id.name) : 'the export'
}

/** The core has no clock, no chance and no async; the compiler refuses the rest. */
export const pureCore: Rule = (files) =>
  codeFiles(files)
    .filter((file) => file.path.startsWith('src/core/') && !file.isTest)
    .flatMap((file) => collect(file, impurity))

function impurity(node: SyntaxNode): readonly { rule: string; message: string }[] {
  const objection = (what: string) => [
    { rule: 'pure-core', message: `${what}: time, chance and I/O are arguments here` },
  ]
  if (node.async === true) return objection('async')
  if (node.type === 'AwaitExpression') return objection('await')
  const callee = isNode(node.callee) ? node.callee : undefined
  const isDate = callee?.type === 'Identifier' && callee.name === 'Date'
  const argumentCount = Array.isArray(node.arguments) ? node.arguments.length : 0
  if (isDate && (node.type === 'CallExpression' || argumentCount === 0)) return objection('Date')
  if (node.type !== 'MemberExpression' || !isNode(node.object) || !isNode(node.property)) return []
  const path = `${String(node.object.name)}.${String(node.property.name)}`
  return /^(Date\.now|Math\.random|performance\.now)$/.test(path) ? objection(path) : []
}

function collect(
  file: CodeFile,
  look: (node: SyntaxNode) => readonly { readonly rule: string; readonly message: string }[],
): readonly Objection[] {
  const objections: Objection[] = []
  walk(file.tree, (node) => {
    for (const found of look(node))
      objections.push({ path: file.path, line: node.loc.start.line, ...found })
  })
  return objections
}
