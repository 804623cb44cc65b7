// The schema as people and editors read it: the JSON Schema file, and the reference page.
import { alternatives, FILE_JSON_SCHEMA, type JsonSchema } from './vocabulary.ts'

/** The text of plimsoll.schema.json, for editors. */
export function schemaJson(): string {
  const titled = { ...FILE_JSON_SCHEMA, title: 'plimsoll.yaml' }
  return `${JSON.stringify(titled, null, 2)}\n`
}

/** The text of the reference page: every key, in the order of the file. */
export function configPage(): string {
  const rows = rowsOf('', FILE_JSON_SCHEMA)
  const lines = rows.map(({ path, kind, fallback, about }) =>
    `| \`${path}\` | ${kind} | ${fallback} | ${about} |`.replace(/\n/g, ' '),
  )
  return `${INTRODUCTION}\n${lines.join('\n')}\n`
}

const INTRODUCTION = `# plimsoll.yaml

Generated from the schema by \`npm run docs\`; do not edit. Editors complete and check the file with
\`# yaml-language-server: $schema=…/plimsoll.schema.json\` as its first line.

Durations (\`300ms\`, \`1.5s\`, \`2m\`, \`1h\`), sizes (\`400KB\`, \`10MB\`, \`1GiB\`) and shares (\`0.1%\`) carry
their unit; nothing else does. Unknown keys are refused. \`NAME\` stands for a name that you choose:
a-z, 0-9 and -, starting with a letter.

| key | value | default | |
|---|---|---|---|`

interface Row {
  readonly path: string
  readonly kind: string
  readonly fallback: string
  readonly about: string
}

function rowsOf(path: string, schema: JsonSchema): readonly Row[] {
  const named = Object.entries(schema.properties ?? {}).flatMap(([key, child]) => {
    const childPath = path === '' ? key : `${path}.${key}`
    const isRequired = schema.required?.includes(key) ?? false
    return [rowOf(childPath, child, isRequired), ...rowsOf(childPath, child)]
  })
  // Environment variables are free names with plain values: their map's own row says it all.
  const entry = schema.additionalProperties || undefined
  const entries = entry?.type === 'object' ? rowsOf(`${path}.NAME`, entry) : []
  const items = schema.items === undefined ? [] : rowsOf(`${path}[]`, schema.items)
  const choices = (schema.anyOf ?? []).flatMap((choice) => rowsOf(path, choice))
  return [...named, ...entries, ...items, ...choices]
}

function rowOf(path: string, schema: JsonSchema, isRequired: boolean): Row {
  return {
    path,
    kind: kindOf(schema).replaceAll('|', '\\|'),
    fallback: isRequired ? 'required' : inherited(path) || defaultOf(schema),
    about: (schema.description ?? '').replaceAll('|', '\\|'),
  }
}

/** A group's scaling falls back on the file's, not on the default beside it. */
function inherited(path: string): string {
  return /^groups\.NAME\.scaling\.\w+$/.test(path) ? "the file's" : ''
}

function defaultOf({ default: fallback }: JsonSchema): string {
  if (fallback === undefined || typeof fallback === 'object') return ''
  return `\`${String(fallback)}\``
}

function kindOf(schema: JsonSchema): string {
  const kinds = alternatives(schema).map(plainKind)
  return [...new Set(kinds)].join(' or ')
}

function plainKind(schema: JsonSchema): string {
  if (schema.enum !== undefined) return schema.enum.map((value) => `\`${value}\``).join(' or ')
  if (schema.const !== undefined) return `\`${schema.const}\``
  if (schema.type === 'array') return `list of ${schema.items ? kindOf(schema.items) : 'values'}`
  if (schema.type === 'object') return 'map'
  if (schema.type === 'boolean') return '`true` or `false`'
  if (schema.type === 'integer' || schema.type === 'number') return numberKind(schema)
  return textKind(schema.pattern ?? '')
}

function numberKind({ type, minimum, exclusiveMinimum, maximum }: JsonSchema): string {
  const what = type === 'integer' ? 'whole number' : 'number'
  const least = minimum === undefined ? `above ${exclusiveMinimum}` : `from ${minimum}`
  return `${what} ${least} to ${maximum}`
}

function textKind(pattern: string): string {
  if (pattern.endsWith('(ms|s|m|h)$')) return 'duration'
  if (pattern.includes('MiB')) return 'size'
  return pattern.endsWith('%$') ? 'share' : 'text'
}
