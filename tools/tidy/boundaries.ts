// The import rules of the house: who may know whom, no cycles, nothing that nobody uses.
import { type Import, importsOf } from './imports.ts'
import type { Objection, Rule, SourceFile } from './source.ts'

/** What each room of src may import beside itself. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  core: [],
  engine: ['core'],
  adapters: ['core'],
  runtime: ['core'],
  config: ['core'],
  lab: ['core', 'engine'],
  server: ['core', 'engine', 'config'],
  mcp: ['core', 'engine', 'config', 'server'],
  cli: ['core', 'engine', 'config', 'server', 'lab', 'compose.ts'],
  dashboard: [],
  testing: ['core'],
  'compose.ts': ['core', 'engine', 'adapters', 'config', 'server', 'mcp', 'lab'],
}

/** Tests may use the adapter that is made for them, and the published suites. */
const TESTS_MAY_IMPORT = ['adapters/memory', 'testing']

/** Each room imports only what it may; adapters do not know each other. */
export const rooms: Rule = (files) =>
  importsOf(files).flatMap((entry) => {
    const message = refusal(entry)
    return message === undefined
      ? []
      : [{ path: entry.from, line: entry.line, rule: 'boundaries', message }]
  })

function refusal({ from, to, specifier, kind }: Import): string | undefined {
  const room = roomOf(from)
  const isTest = from.endsWith('.test.ts')
  if (room === undefined || kind === 'name') return refusalOutside(from, to)
  if (to === undefined)
    return room === 'core' && !isTest ? `core imports only core, not ${specifier}` : undefined
  if (!to.startsWith('src/')) return isTest ? undefined : `src imports only src, not ${to}`
  const other = roomOf(to) ?? ''
  if (isTest && TESTS_MAY_IMPORT.some((allowed) => to.startsWith(`src/${allowed}/`)))
    return undefined
  if (room === 'adapters' && other === 'adapters')
    return adapterOf(from) === adapterOf(to) ? undefined : 'adapters do not import each other'
  if (room === 'dashboard' && to === 'src/core/model.ts' && kind === 'type') return undefined
  if (other === room || MAY_IMPORT[room]?.includes(other)) return undefined
  return `${room} may not import ${other}`
}

/** Outside src everything may be imported but what only entry points may know. */
function refusalOutside(from: string, to: string | undefined): string | undefined {
  if (to !== 'src/compose.ts' || /^(src\/cli|tests|bench)\//.test(from)) return undefined
  return 'only entry points import compose.ts'
}

function roomOf(path: string): string | undefined {
  return /^src\/([^/]+)/.exec(path)?.[1]
}

function adapterOf(path: string): string | undefined {
  return /^src\/adapters\/([^/]+)/.exec(path)?.[1]
}

/** No file imports itself by way of others; types alone count too. */
export const noCycles: Rule = (files) => {
  const imports = importsOf(files).filter((entry) => entry.kind !== 'name')
  const graph = graphOf(imports)
  const done = new Set<string>()
  const objections: Objection[] = []
  for (const start of graph.keys()) {
    const trail = cycleFrom(start, graph, { done, trail: [] })
    if (trail !== undefined)
      objections.push({
        path: trail[0] ?? start,
        line: 0,
        rule: 'no-cycles',
        message: trail.join(' → '),
      })
  }
  return objections
}

function cycleFrom(
  path: string,
  graph: ReadonlyMap<string, ReadonlySet<string>>,
  seen: { readonly done: Set<string>; readonly trail: readonly string[] },
): readonly string[] | undefined {
  const at = seen.trail.indexOf(path)
  if (at >= 0) return [...seen.trail.slice(at), path]
  if (seen.done.has(path)) return undefined
  for (const next of graph.get(path) ?? []) {
    const found = cycleFrom(next, graph, { done: seen.done, trail: [...seen.trail, path] })
    if (found !== undefined) {
      seen.done.add(path)
      return found
    }
  }
  seen.done.add(path)
  return undefined
}

/** Every import names a file that exists, and every file of src is used by something that runs. */
export const noDeadFiles: Rule = (files) => {
  const paths = new Set(files.map((file) => file.path))
  const imports = importsOf(files).filter((entry) => !entry.from.endsWith('.test.ts'))
  const graph = graphOf(imports)
  const alive = new Set<string>()
  const left = entryPoints(files)
  for (let path = left.pop(); path !== undefined; path = left.pop()) {
    if (alive.has(path)) continue
    alive.add(path)
    left.push(...(graph.get(path) ?? []))
  }
  return files
    .filter((file) => /^(src|tools)\//.test(file.path) && file.tree !== undefined && !file.isTest)
    .filter((file) => !alive.has(file.path) && paths.has(file.path))
    .map(({ path }) => ({
      path,
      line: 0,
      rule: 'no-dead-files',
      message: 'nothing that runs imports it',
    }))
}

/** What is started from outside: commands, doors of the package, benchmarks, examples, suites. */
function entryPoints(files: readonly SourceFile[]): string[] {
  const started =
    /^(src\/cli\/main\.ts|src\/(testing|adapters\/memory)\/[^/]+|src\/runtime\/.*\.cjs|tools\/[^/]+|(bin|bench|examples|tests)\/.*)$/
  return files.map((file) => file.path).filter((path) => started.test(path))
}

function graphOf(imports: readonly Import[]): ReadonlyMap<string, ReadonlySet<string>> {
  const graph = new Map<string, Set<string>>()
  for (const { from, to } of imports) {
    if (to === undefined) continue
    graph.set(from, (graph.get(from) ?? new Set<string>()).add(to))
  }
  return graph
}
