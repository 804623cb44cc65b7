// The OpenAPI document, from the same schemas that check the requests.
import { z } from 'zod'
import { ERRORS } from '../core/errors.ts'
import { holdBody, plainBody, scaleGroupBody, tickQuery, ticksQuery } from './schemas.ts'

interface Operation {
  readonly method: 'get' | 'post'
  readonly path: string
  readonly summary: string
  readonly body?: z.ZodType
  readonly query?: z.ZodObject
}

/** Every route that needs the key; a test holds it against what is served. */
export const OPERATIONS: readonly Operation[] = [
  { method: 'get', path: '/api/scalability/status', summary: 'Everything at once' },
  { method: 'get', path: '/api/scalability/groups', summary: 'All groups' },
  { method: 'get', path: '/api/scalability/groups/:name', summary: 'One group' },
  {
    method: 'post',
    path: '/api/scalability/scale-group',
    summary: 'Scale by hand',
    body: scaleGroupBody,
  },
  {
    method: 'post',
    path: '/api/scalability/groups/:name/hold',
    summary: 'Keep the number as it is',
    body: holdBody,
  },
  {
    method: 'post',
    path: '/api/scalability/groups/:name/restart',
    summary: 'Roll new code through',
    body: plainBody,
  },
  {
    method: 'get',
    path: '/api/scalability/groups/:name/logs/:instance',
    summary: 'Last lines of a log',
  },
  {
    method: 'get',
    path: '/api/scalability/ticks',
    summary: 'Ticks, newest first',
    query: ticksQuery,
  },
  {
    method: 'get',
    path: '/api/scalability/ticks/:id',
    summary: 'One tick by its number, or the `newest`, explained',
    query: tickQuery,
  },
  { method: 'get', path: '/api/scalability/events', summary: 'Ticks as server-sent events' },
  {
    method: 'post',
    path: '/api/scalability/reload',
    summary: 'Read the file again',
    body: plainBody,
  },
  {
    method: 'post',
    path: '/api/scalability/shutdown',
    summary: 'Drain and stop everything',
    body: plainBody,
  },
  { method: 'get', path: '/api/scalability/openapi.json', summary: 'This document' },
  { method: 'get', path: '/metrics', summary: 'Prometheus metrics' },
]

/** The document as a value. */
export function openapi(version: string): Record<string, unknown> {
  const paths: Record<string, Record<string, unknown>> = {}
  for (const operation of OPERATIONS) {
    const path = operation.path.replace(/:(\w+)/g, '{$1}')
    paths[path] = { ...paths[path], [operation.method]: describe(operation) }
  }
  return {
    openapi: '3.1.0',
    info: { title: 'Plimsoll', version },
    security: [{ key: [] }],
    components: {
      securitySchemes: { key: { type: 'http', scheme: 'bearer' } },
      schemas: { Error: ERROR_SCHEMA },
    },
    paths: { ...paths, ...OPEN_PATHS },
  }
}

const ERROR_SCHEMA = {
  type: 'object',
  required: ['error'],
  properties: {
    error: {
      type: 'object',
      required: ['code', 'message', 'remedy'],
      properties: {
        code: { type: 'string', enum: Object.keys(ERRORS) },
        message: { type: 'string' },
        remedy: { type: 'string' },
      },
    },
  },
}

const IDEMPOTENCY_KEY = {
  name: 'Idempotency-Key',
  in: 'header',
  required: false,
  description: 'The same request with the same key is carried out once, within a day',
  schema: { type: 'string', maxLength: 1_000 },
}

// The two that need no key: for whoever watches the process itself.
const OPEN_PATHS = Object.fromEntries(
  ['/healthz', '/readyz'].map((path) => {
    const responses = { '200': { description: 'Yes' }, '503': { description: 'No' } }
    return [path, { get: { summary: 'Is it well?', security: [], responses } }]
  }),
)

function describe(operation: Operation): Record<string, unknown> {
  const names = [...operation.path.matchAll(/:(\w+)/g)].map((m) => m[1])
  const inPath = names.map((name) => ({
    name,
    in: 'path',
    required: true,
    schema: { type: 'string' },
  }))
  const inQuery = Object.entries(operation.query?.shape ?? {}).map(([name, schema]) => {
    return { name, in: 'query', required: false, schema: z.toJSONSchema(schema as z.ZodType) }
  })
  const error = {
    content: { 'application/json': { schema: { $ref: '#/components/schemas/Error' } } },
  }
  return {
    summary: operation.summary,
    parameters: [...inPath, ...inQuery, ...(operation.method === 'post' ? [IDEMPOTENCY_KEY] : [])],
    ...(operation.body === undefined ? {} : { requestBody: bodyOf(operation.body) }),
    responses: {
      '200': { description: 'Done' },
      default: { description: 'What went wrong, and what to do', ...error },
    },
  }
}

function bodyOf(schema: z.ZodType): Record<string, unknown> {
  const { $schema: _dialect, ...json } = z.toJSONSchema(schema)
  return { required: true, content: { 'application/json': { schema: json } } }
}
