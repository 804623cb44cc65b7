// The project's files as the rules see them: text, lines, comments and syntax tree.
import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parse } from '@babel/parser'

/** A node of the syntax tree, as far as the rules look into it. */
export interface SyntaxNode {
  readonly type: string
  readonly loc: {
    readonly start: { readonly line: number }
    readonly end: { readonly line: number }
  }
  readonly leadingComments?: readonly { readonly type: string; readonly value: string }[] | null
  readonly [key: string]: unknown
}

/** One file. Paths are relative to the project, with `/`. */
export interface SourceFile {
  readonly path: string
  readonly text: string
  readonly lines: readonly string[]
  readonly isTest: boolean
  /** Absent for files that are no code. */
  readonly tree?: SyntaxNode
}

/** Something a rule objects to. */
export interface Objection {
  readonly path: string
  /** Counted from 1; 0 for the file or folder as a whole. */
  readonly line: number
  readonly rule: string
  readonly message: string
}

/** A rule looks at all files and says what it objects to. */
export type Rule = (files: readonly SourceFile[]) => readonly Objection[]

const FOLDERS = ['src', 'tools', 'tests', 'bench', 'examples', 'bin', 'docs', 'skills']
const CODE = /\.(ts|cjs|mjs|js)$/
const TEXT = /\.(md|ya?ml|json|html|css)$/
const NOT_OURS = /(^|\/)(node_modules|dist|\.plimsoll)\//

/** Reads every file of the project that the rules look at. */
export function readProject(root: string): readonly SourceFile[] {
  const below = FOLDERS.flatMap((folder) => globSync(`${folder}/**/*`, { cwd: root }))
  return [...below, ...globSync('*.{md,yaml,cjs,ts}', { cwd: root })]
    .map((path) => path.replaceAll('\\', '/'))
    .filter((path) => !NOT_OURS.test(path) && (CODE.test(path) || TEXT.test(path)))
    .sort()
    .map((path) => sourceFile(path, readFileSync(join(root, path), 'utf8')))
}

/** Makes a file of its text; throws where the text is no code. */
export function sourceFile(path: string, text: string): SourceFile {
  const file = { path, text, lines: text.split('\n'), isTest: /\.test\.ts$/.test(path) }
  return CODE.test(path) ? { ...file, tree: syntaxTree(path, text) } : file
}

function syntaxTree(path: string, text: string): SyntaxNode {
  const isModule = !path.endsWith('.cjs')
  const parsed = parse(text, {
    sourceType: isModule ? 'module' : 'script',
    sourceFilename: path,
    plugins: path.endsWith('.ts') ? ['typescript'] : [],
  })
  return parsed.program as unknown as SyntaxNode
}

/** Calls `visit` for a node and everything below it, parents first. */
export function walk(
  node: SyntaxNode,
  visit: (node: SyntaxNode, parent?: SyntaxNode) => void,
  parent?: SyntaxNode,
): void {
  visit(node, parent)
  for (const child of childrenOf(node)) walk(child, visit, node)
}

/** The nodes right below a node, in the order of the text. */
export function childrenOf(node: SyntaxNode): readonly SyntaxNode[] {
  return Object.entries(node)
    .filter(([key]) => !key.endsWith('Comments'))
    .flatMap(([, value]) => (Array.isArray(value) ? (value as readonly unknown[]) : [value]))
    .filter(isNode)
}

/** Whether a value of a tree is a node. */
export function isNode(value: unknown): value is SyntaxNode {
  return typeof value === 'object' && value !== null && 'type' in value && 'loc' in value
}

/** Code only: files that have a syntax tree. */
export function codeFiles(
  files: readonly SourceFile[],
): readonly (SourceFile & { readonly tree: SyntaxNode })[] {
  return files.flatMap((file) => (file.tree === undefined ? [] : [{ ...file, tree: file.tree }]))
}
