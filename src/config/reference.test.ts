// The schema's views, and the example that shows every key.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { parse } from 'yaml'
import { parseConfig } from './parse.ts'
import { formatProblems } from './problems.ts'
import { configPage, schemaJson } from './reference.ts'
import { FILE_JSON_SCHEMA, type JsonSchema, wordsAt } from './vocabulary.ts'

const exampleFile = new URL('../../plimsoll.example.yaml', import.meta.url)
const example = readFileSync(exampleFile, 'utf8')

test('the example is valid', () => {
  const result = parseConfig(example, { dir: '/srv/shop' })
  assert.ok(result.ok, result.ok ? '' : formatProblems(result.problems, 'plimsoll.example.yaml'))
  assert.deepEqual(
    result.config.spec.groups.map(({ name, http }) => [name, http !== undefined]),
    [
      ['web', true],
      ['mailer', false],
    ],
  )
})

test('the example shows every key of a group', () => {
  const { groups } = parse(example) as { groups: { web: Record<string, object> } }
  const shown = (path: string[], part: object) => {
    for (const key of wordsAt(path).keys)
      assert.ok(key in part || example.includes(`# ${key}: `), `${path.join('.')}.${key}`)
  }
  shown(['groups', 'web'], groups.web)
  for (const part of ['run', 'http', 'slo'])
    shown(['groups', 'web', part], groups.web[part] ?? assert.fail(part))
})

test('every key says what it is for', () => {
  const visit = (path: string, schema: JsonSchema) => {
    for (const [key, child] of Object.entries(schema.properties ?? {})) {
      assert.ok((child.description ?? '').length > 5, `${path}.${key} has no description`)
      visit(`${path}.${key}`, child)
    }
    for (const choice of schema.anyOf ?? []) visit(path, choice)
    if (schema.items !== undefined) visit(path, schema.items)
    if (schema.additionalProperties) visit(`${path}.NAME`, schema.additionalProperties)
  }
  visit('', FILE_JSON_SCHEMA)
})

test('page and schema name the keys, their kinds and defaults', () => {
  const page = configPage()
  assert.match(page, /^\| `groups\.NAME\.slo\.p99` \| duration \|/m)
  assert.match(page, /^\| `groups\.NAME\.http\.max_body` \| size \| `10MB` \|/m)
  assert.match(page, /^\| `groups\.NAME\.run\.command` \| list of text or text \| required \|/m)
  assert.match(page, /^\| `groups\.NAME\.signals\[\]\.rps` \| number above 0 to 1000000 or map \|/m)
  assert.match(page, /^\| `groups\.NAME\.scaling\.schedule\[\]\.tz` \| text \| `UTC` \|/m)
  assert.match(page, /^\| `scaling\.threshold` \| number from 1 to 100 \| `80` \|/m)
  const schema = JSON.parse(schemaJson()) as JsonSchema
  assert.equal(schema.additionalProperties, false)
  assert.deepEqual(schema.required, ['groups'])
})
