// Every house rule finds the fault that was planted for it, and leaves sound code alone.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { objectionLine, objectionsTo } from './rules.ts'
import { sourceFile } from './source.ts'

const SOUND = `// What this is for.

/** Adds up. */
export function add(a: number, b: number): number {
  return a + b
}
`
const CHANGELOG = sourceFile('CHANGELOG.md', '# Changes\n\n## Unreleased\n\n## 0.1.0\n')

/** Rules that object to one file in an otherwise sound project. */
function objections(path: string, text: string): readonly string[] {
  const files = [CHANGELOG, sourceFile('src/cli/main.ts', SOUND), sourceFile(path, text)]
  return objectionsTo(files.filter((file) => file.path !== path || file === files.at(-1)))
    .filter((objection) => objection.rule !== 'no-dead-files')
    .map(({ rule }) => rule)
}

const word = (...parts: string[]) => parts.join('')
const lines = (count: number) => Array.from({ length: count }, (_, i) => `  n += ${i}`).join('\n')
const core = (body: string) => `// Core.\n\n/** Does. */\nexport ${body}\n`

const FAULTS: readonly (readonly [rule: string, path: string, text: string])[] = [
  ['file-wall', 'src/cli/a.ts', `// Long.\n${'\n'.repeat(400)}`],
  ['line-length', 'src/cli/a.ts', `// ${'x'.repeat(98)}\n`],
  ['line-length', 'src/cli/a.ts', `// A.\nconst ${'x'.repeat(99)} = 1\n`],
  ['function-wall', 'src/cli/a.ts', `// A.\nfunction f() {\n  let n = 0\n${lines(70)}\n}\nf()\n`],
  ['function-wall', 'src/cli/a.ts', `// A.\nclass A {\n  f() {\n${lines(70)}\n  }\n}\nnew A()\n`],
  ['parameters', 'src/cli/a.ts', '// A.\nconst f = (a, b, c, d, e) => a\nf()\n'],
  ['no-any', 'src/cli/a.ts', '// A.\nlet a: readonly any[] = []\na = []\n'],
  ['no-any', 'src/cli/a.ts', '// A.\nconst a = {} as any\na()\n'],
  ['opening-comment', 'src/cli/a.ts', 'const a = 1\n'],
  ['docstring', 'src/cli/a.ts', '// A.\n\nexport const a = 1\n'],
  ['docstring', 'src/cli/a.ts', '// A.\n\n// Not a docstring.\nexport interface B {}\n'],
  ['no-unfinished', 'src/cli/a.ts', `// A. ${word('TO', 'DO')}: finish\n`],
  ['no-silencing', 'src/cli/a.ts', `// A.\n// ${word('@ts-', 'ignore')}\n`],
  ['no-silencing', 'src/cli/a.ts', `// A.\n// ${word('biome-', 'ignore')} lint: x\n`],
  ['no-only', 'src/cli/a.test.ts', `// A.\n${word('test.on', 'ly')}('x', () => {})\n`],
  ['no-skip', 'src/cli/a.test.ts', `// A.\n${word('test.sk', 'ip')}('x', () => {})\n`],
  ['no-machine-paths', 'docs/a.md', `See ${word('/wo', 'rk/main')}.\n`],
  ['no-registry-hosts', 'docs/a.md', `See ${word('https://registry', '.npm', 'js.org')}/x.\n`],
  ['kebab-case', 'src/cli/aB.ts', '// A.\n'],
  ['grab-bag', 'src/cli/utils.ts', '// A.\n'],
  ['grab-bag', 'src/cli/index.ts', '// A.\n'],
  ['changelog', 'CHANGELOG.md', '# Changes\n\n## 0.1.0\n'],
  ['pure-core', 'src/core/a.ts', core('function f() { return Date.now() }')],
  ['pure-core', 'src/core/a.ts', core('function f() { return Math.random() }')],
  ['pure-core', 'src/core/a.ts', core('function f() { return new Date() }')],
  ['pure-core', 'src/core/a.ts', core('async function f() {}')],
]

test('each planted fault is found, by its own rule and no other', () => {
  for (const [rule, path, text] of FAULTS) {
    const found = new Set(objections(path, text))
    assert.deepEqual([...found], [rule], `${rule} in ${path}: ${text.slice(0, 80)}`)
  }
})

test('sound code is left alone', () => {
  assert.deepEqual(objections('src/cli/a.ts', SOUND), [])
  assert.deepEqual(objections('bin/a.cjs', `#!/usr/bin/env node\n// A.\n'use strict'\n`), [])
  const dated = core('function f(ms: number) { return new Date(ms).toISOString() }')
  assert.deepEqual(objections('src/core/a.ts', dated), [])
  const literal = `// A.\nconst a = '${'x'.repeat(120)}'\na.at(0)\n`
  assert.deepEqual(objections('src/cli/a.ts', literal), [])
  const suite = `// A.\nfunction all() {\n  test('x', () => {\n${lines(60)}\n  })\n${"  test('y', () => {})\n".repeat(20)}}\nall()\n`
  assert.deepEqual(objections('src/cli/a.test.ts', suite), [])
})

test('a folder with more than twenty entries is too big; tests are not counted', () => {
  const folder = (count: number, suffix: string) =>
    Array.from({ length: count }, (_, i) => sourceFile(`src/cli/f${i}${suffix}`, '// A.\n'))
  const rules = (count: number) =>
    objectionsTo([CHANGELOG, ...folder(count, '.ts'), ...folder(count, '.test.ts')])
      .filter(({ rule }) => rule === 'folder-size')
      .map(objectionLine)
  assert.deepEqual(rules(20), [])
  assert.deepEqual(rules(21), ['src/cli: 21 entries, at most 20 (folder-size)'])
})
