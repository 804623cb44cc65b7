// Who imports whom, read from the syntax trees.
import { posix } from 'node:path'
import { codeFiles, isNode, type SourceFile, type SyntaxNode, walk } from './source.ts'

/** One import of a file. */
export interface Import {
  readonly from: string
  readonly line: number
  /** As written: `./turn.ts`, `node:fs`, `zod`. */
  readonly specifier: string
  /** Path of the file meant, for relative ones. */
  readonly to?: string
  /**
   * `import`: a module; `type`: only its types; `name`: the file's name in a string, as where a
   * process is started from it.
   */
  readonly kind: 'import' | 'type' | 'name'
}

/** Every import of every file. */
export function importsOf(files: readonly SourceFile[]): readonly Import[] {
  return codeFiles(files).flatMap(({ path, tree }) => {
    const imports: Import[] = []
    walk(tree, (node, parent) => {
      const found = specifierOf(node, parent)
      if (found === undefined) return
      const to = targetOf(path, found.specifier)
      if (found.kind === 'name' && to === undefined) return
      const line = node.loc.start.line
      imports.push({ from: path, line, ...found, ...(to === undefined ? {} : { to }) })
    })
    return imports
  })
}

function specifierOf(
  node: SyntaxNode,
  parent: SyntaxNode | undefined,
): Pick<Import, 'specifier' | 'kind'> | undefined {
  if (/^(Import|ExportNamed|ExportAll)Declaration$/.test(node.type) && isNode(node.source)) {
    const isType = node.importKind === 'type' || node.exportKind === 'type'
    return { specifier: String(node.source.value), kind: isType ? 'type' : 'import' }
  }
  if (node.type === 'TemplateLiteral') return nameInTemplate(node)
  if (node.type !== 'StringLiteral' || parent === undefined) return undefined
  if (/^(Import|ExportNamed|ExportAll)Declaration$/.test(parent.type)) return undefined
  const specifier = String(node.value)
  return { specifier, kind: isCallOfImport(parent) ? 'import' : 'name' }
}

/**
 * `./process.${extension}`: the source or what was built of it; the source is the one in the tree.
 */
function nameInTemplate(node: SyntaxNode): Pick<Import, 'specifier' | 'kind'> | undefined {
  const first = Array.isArray(node.quasis) ? (node.quasis[0] as SyntaxNode) : undefined
  const { raw = '' } = (first?.value ?? {}) as { readonly raw?: string }
  return /^\.{1,2}\/.*\.$/.test(raw) ? { specifier: `${raw}ts`, kind: 'name' } : undefined
}

/** `import('x')` and `require('x')`. */
function isCallOfImport(node: SyntaxNode): boolean {
  if (node.type === 'ImportExpression') return true
  const callee = isNode(node.callee) ? node.callee : undefined
  return callee?.type === 'Import' || callee?.name === 'require'
}

function targetOf(from: string, specifier: string): string | undefined {
  if (!/^\.{1,2}\//.test(specifier) || !/\.(ts|cjs|mjs|js)$/.test(specifier)) return undefined
  return posix.normalize(posix.join(posix.dirname(from), specifier))
}
