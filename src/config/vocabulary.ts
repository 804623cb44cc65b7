// The words that the schema knows at a path: the keys of a map, the values of an enumeration.
import * as z from 'zod'
import type { Path } from './document.ts'
import { fileSchema } from './schema.ts'

/** A part of a JSON Schema, as far as it is read here. */
export interface JsonSchema {
  readonly type?: string
  readonly description?: string
  readonly default?: unknown
  readonly pattern?: string
  readonly minimum?: number
  readonly maximum?: number
  readonly exclusiveMinimum?: number
  readonly const?: unknown
  readonly enum?: readonly unknown[]
  readonly required?: readonly string[]
  readonly properties?: Readonly<Record<string, JsonSchema>>
  readonly propertyNames?: JsonSchema
  readonly additionalProperties?: JsonSchema | false
  readonly items?: JsonSchema
  readonly anyOf?: readonly JsonSchema[]
}

/** The JSON Schema of what a person may write, defaults not filled in. */
export const FILE_JSON_SCHEMA = z.toJSONSchema(fileSchema, { io: 'input' }) as JsonSchema

/** Known keys and values at a path; both empty where anything goes. */
export function wordsAt(path: Path): {
  readonly keys: readonly string[]
  readonly values: readonly string[]
} {
  const schemas = path.reduce<readonly JsonSchema[]>(
    (parents, step) => parents.flatMap((parent) => alternatives(childOf(parent, step))),
    [FILE_JSON_SCHEMA],
  )
  return {
    keys: schemas.flatMap((schema) => Object.keys(schema.properties ?? {})),
    values: schemas.flatMap((schema) => [...(schema.enum ?? []), schema.const].filter(isString)),
  }
}

/** A schema itself, or the alternatives it offers. */
export function alternatives(schema: JsonSchema | undefined): readonly JsonSchema[] {
  if (schema === undefined) return []
  return schema.anyOf === undefined ? [schema] : schema.anyOf.flatMap(alternatives)
}

function childOf(schema: JsonSchema, step: string | number): JsonSchema | undefined {
  if (typeof step === 'number') return schema.items
  const named = schema.properties?.[step]
  if (named !== undefined) return named
  return schema.additionalProperties === false ? undefined : schema.additionalProperties
}

function isString(value: unknown): value is string {
  return typeof value === 'string'
}
