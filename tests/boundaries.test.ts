// The import rules hold in this tree, and each is broken visibly by a planted import.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ROOT } from '../tools/command.ts'
import { noCycles, noDeadFiles, rooms } from '../tools/tidy/boundaries.ts'
import { importsOf } from '../tools/tidy/imports.ts'
import { readProject, sourceFile } from '../tools/tidy/source.ts'

const project = readProject(ROOT)

test('the rules see the imports of the tree', () => {
  const imports = importsOf(project)
  assert.ok(imports.length > 100)
  const paths = new Set(project.map((file) => file.path))
  const lost = imports.filter(
    ({ to, kind }) => kind !== 'name' && to !== undefined && !paths.has(to),
  )
  assert.deepEqual(lost, [])
})

/** What stands at the end of a line: the import that is refused there, or may be made. */
const FORBIDDEN: readonly (readonly [from: string, specifier: string])[] = [
  ['src/core/a.ts', 'node:fs'],
  ['src/core/a.ts', 'zod'],
  ['src/core/a.ts', '../engine/turn.ts'],
  ['src/engine/a.ts', '../adapters/local/provider.ts'],
  ['src/engine/a.ts', '../config/parse.ts'],
  ['src/adapters/local/a.ts', '../builtin/balancer.ts'],
  ['src/adapters/local/a.ts', '../../engine/turn.ts'],
  ['src/runtime/http/a.ts', '../../engine/turn.ts'],
  ['src/config/a.ts', '../engine/turn.ts'],
  ['src/lab/a.ts', '../cli/main.ts'],
  ['src/server/a.ts', '../cli/main.ts'],
  ['src/server/a.ts', '../adapters/local/provider.ts'],
  ['src/server/a.ts', '../compose.ts'],
  ['src/cli/a.ts', '../adapters/local/provider.ts'],
  ['src/dashboard/a.ts', '../core/decide.ts'],
  ['src/cli/a.ts', '../../tools/command.ts'],
  ['tools/a.ts', '../src/compose.ts'],
]
const ALLOWED: readonly (readonly [from: string, specifier: string])[] = [
  ['src/core/policies/a.ts', '../model.ts'],
  ['src/core/a.test.ts', 'node:test'],
  ['src/engine/a.ts', '../core/model.ts'],
  ['src/engine/a.test.ts', '../adapters/memory/world.ts'],
  ['src/adapters/local/a.ts', './provider.ts'],
  ['src/adapters/local/a.ts', 'node:fs'],
  ['src/server/a.ts', '../engine/turn.ts'],
  ['src/cli/a.ts', '../compose.ts'],
  ['src/compose.ts', './adapters/local/provider.ts'],
  ['tests/a.test.ts', '../src/compose.ts'],
]

test('rooms import only what they may', () => {
  const refused = (from: string, specifier: string) =>
    rooms([sourceFile(from, `// A.\nimport { x } from '${specifier}'\n`)]).length
  for (const [from, specifier] of FORBIDDEN)
    assert.equal(refused(from, specifier), 1, `${from} imports ${specifier}`)
  for (const [from, specifier] of ALLOWED)
    assert.equal(refused(from, specifier), 0, `${from} imports ${specifier}`)
  assert.equal(rooms([sourceFile('src/core/a.ts', "await import('node:fs')")]).length, 1)
  assert.equal(rooms([sourceFile('src/core/a.ts', "export * from 'zod'")]).length, 1)
})

test('cycles are found, also those of types', () => {
  const one = sourceFile('src/core/a.ts', "import './b.ts'")
  const two = sourceFile('src/core/b.ts', "import type { A } from './c.ts'")
  const three = sourceFile('src/core/c.ts', "export { x } from './a.ts'")
  assert.deepEqual(noCycles([one, two]), [])
  assert.equal(noCycles([one, two, three]).length, 1)
})

test('a file that only its own test imports is dead', () => {
  const main = sourceFile('src/cli/main.ts', "import './used.ts'\nspawn('./started.ts')")
  const used = sourceFile('src/cli/used.ts', `new URL(\`./process.\${ext}\`, import.meta.url)`)
  const named = ['started', 'process'].map((name) => sourceFile(`src/cli/${name}.ts`, '// A.'))
  const unused = sourceFile('src/cli/unused.ts', '// A.')
  const itsTest = sourceFile('src/cli/unused.test.ts', "import './unused.ts'")
  const dead = noDeadFiles([main, used, ...named, unused, itsTest])
  assert.deepEqual(
    dead.map(({ path }) => path),
    ['src/cli/unused.ts'],
  )
})
