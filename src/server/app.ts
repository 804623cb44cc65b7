// The HTTP API: routes over the service, with the key, the Host check and the limits in front of
// all of them.
import fastify, {
  type FastifyError,
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
} from 'fastify'
import type { z } from 'zod'
import type { Checked } from '../core/commands.ts'
import { ERRORS, type ErrorCode, errorBody } from '../core/errors.ts'
import type { Fault } from '../core/model.ts'
import type { Clock } from '../core/ports.ts'
import { durationMs } from '../core/words/duration.ts'
import type { Service } from '../engine/service.ts'
import { checkKey, isHostAllowed } from './auth.ts'
import { type Answer, Idempotency } from './idempotency.ts'
import { createMetrics } from './metrics.ts'
import { openapi } from './openapi.ts'
import { holdBody, plainBody, scaleGroupBody, tickQuery, ticksQuery } from './schemas.ts'
import { streamTicks } from './stream.ts'

/** Largest request body. */
const MOST_BODY_BYTES = 64 * 1024
/** The loop counts as stuck when its newest tick is older than this. */
const STALE_MS = 15_000
const OPEN_PATHS = ['/healthz', '/readyz']

/** What the API is made of; `listenHost` is the name its Host check lets pass. */
export interface AppOptions {
  readonly service: Service
  /** Tells this controller from others; /healthz says it. */
  readonly id: string
  readonly key: string
  readonly listenHost: string
  readonly version: string
  readonly clock: Clock
  readonly logs: (group: string, instance: string, lines: number) => Promise<readonly string[]>
}

type Params = { readonly name: string; readonly instance: string; readonly id: string }

/** The application, not yet listening. */
export function createApp(options: AppOptions): FastifyInstance {
  const app = fastify({
    // An address that can't even be read gets no further than this.
    frameworkErrors: (error, _request, reply) => {
      sendFault(reply, faultOf(error))
    },
    bodyLimit: MOST_BODY_BYTES,
    requestTimeout: 30_000,
    keepAliveTimeout: 65_000,
  })
  // Only JSON is taken: a form or text/plain body could be sent by a stranger's page without a
  // preflight.
  app.removeContentTypeParser('text/plain')
  app.addHook('onRequest', async (request, reply) => {
    reply.header('cache-control', 'no-store').header('x-content-type-options', 'nosniff')
    return guard(request, reply, options)
  })
  app.setErrorHandler<FastifyError>((error, _request, reply) => sendFault(reply, faultOf(error)))
  app.setNotFoundHandler((request, reply) => {
    return refuse(
      reply,
      'E_NOT_FOUND',
      `there is no ${request.method} ${request.url.split('?')[0]}`,
    )
  })
  readRoutes(app, options)
  commandRoutes(app, options)
  return app
}

async function guard(
  request: FastifyRequest,
  reply: FastifyReply,
  options: AppOptions,
): Promise<unknown> {
  if (!isHostAllowed(request.headers.host, options.listenHost)) {
    return refuse(
      reply,
      'E_HOST_REFUSED',
      `the Host header ${request.headers.host ?? ''} is not this API's`,
    )
  }
  if (OPEN_PATHS.includes(request.url)) return undefined
  const verdict = checkKey(request.headers.authorization, options.key)
  if (verdict === 'ok') return undefined
  reply.header('www-authenticate', 'Bearer')
  if (verdict === 'missing') return refuse(reply, 'E_KEY_MISSING', 'this API needs a key')
  return refuse(reply, 'E_KEY_WRONG', 'the key is not the right one')
}

function readRoutes(app: FastifyInstance, options: AppOptions): void {
  const { service, id, version, clock, logs } = options
  const metrics = createMetrics(service)
  const api = '/api/scalability'
  app.get('/healthz', async () => ({ status: 'ok', controller: id }))
  app.get('/readyz', async (_request, reply) => {
    const at = service.state.tick?.observation.atMs
    const ready = at !== undefined && clock.now() - at < STALE_MS
    return reply.code(ready ? 200 : 503).send({ status: ready ? 'ok' : 'the loop does not turn' })
  })
  app.get('/metrics', async (_request, reply) => {
    return reply.type(metrics.contentType).send(await metrics.metrics())
  })
  app.get(`${api}/openapi.json`, async () => openapi(version))
  app.get(`${api}/status`, async () => service.status())
  app.get(`${api}/groups`, async () => ({ groups: service.status().groups }))
  app.get<{ Params: Params }>(`${api}/groups/:name`, async (request, reply) => {
    return send(reply, service.group(request.params.name))
  })
  app.get<{ Params: Params }>(`${api}/groups/:name/logs/:instance`, async (request, reply) => {
    const group = service.group(request.params.name)
    if (!group.ok) return sendFault(reply, group.fault)
    const { instance } = request.params
    // The name becomes part of a path: only what an instance can be called gets there.
    if (
      !/^[a-z][a-z0-9-]*-\d+$/.test(instance) ||
      !instance.startsWith(`${request.params.name}-`)
    ) {
      return refuse(reply, 'E_INSTANCE_UNKNOWN', `there is no instance ${instance}`)
    }
    const lines = await logs(request.params.name, instance, 200)
    // One that has ended is known by what it said.
    if (lines.length === 0 && !group.value.instances.some((i) => i.id === instance)) {
      return refuse(reply, 'E_INSTANCE_UNKNOWN', `there is no instance ${instance}`)
    }
    return { instance, lines }
  })
  app.get(`${api}/ticks`, async (request, reply) => {
    const query = parse(ticksQuery, request.query)
    if (!query.ok) return sendFault(reply, query.fault)
    const { before, limit, group, changed } = query.value
    return {
      ticks: service.ticks({
        limit: Number(limit ?? 20),
        changedOnly: changed === 'true',
        ...(before === undefined ? {} : { before: Number(before) }),
        ...(group === undefined ? {} : { group }),
      }),
    }
  })
  app.get<{ Params: Params }>(`${api}/ticks/:id`, async (request, reply) => {
    const query = parse(tickQuery, request.query)
    if (!query.ok) return sendFault(reply, query.fault)
    const { group } = query.value
    const { id } = request.params
    return send(
      reply,
      id === 'newest' ? service.newestTick(group) : service.tick(Number(id), group),
    )
  })
  app.get(`${api}/events`, { exposeHeadRoute: false }, async (request, reply) =>
    streamTicks(service, request, reply),
  )
}

function commandRoutes(app: FastifyInstance, { service, clock }: AppOptions): void {
  const api = '/api/scalability'
  const idempotency = new Idempotency()
  const post = (path: string, handle: (request: FastifyRequest) => Promise<Answer>) => {
    app.post(`${api}${path}`, async (request, reply) => {
      const key = request.headers['idempotency-key']
      const told = JSON.stringify([request.url, request.body])
      const answer =
        typeof key === 'string' && key !== ''
          ? await idempotency.once(key, told, clock.now(), () => handle(request))
          : await handle(request)
      if (answer === undefined) {
        return refuse(
          reply,
          'E_KEY_REUSED',
          'this Idempotency-Key came with another request before',
        )
      }
      return reply.code(answer.status).send(answer.body)
    })
  }
  post('/scale-group', async (request) => {
    const body = parse(scaleGroupBody, request.body)
    if (!body.ok) return answerFault(body.fault)
    const { group, action, instances, for: lasting } = body.value
    return answer(
      await service.scale(
        { group, action, instances },
        { ...asked(body.value), ...until(lasting) },
      ),
    )
  })
  post('/groups/:name/hold', async (request) => {
    const body = parse(holdBody, request.body ?? {})
    if (!body.ok) return answerFault(body.fault)
    const { name } = request.params as Params
    return answer(await service.hold(name, { ...asked(body.value), ...until(body.value.for) }))
  })
  post('/groups/:name/restart', async (request) => {
    const body = parse(plainBody, request.body ?? {})
    if (!body.ok) return answerFault(body.fault)
    return answer(await service.restart((request.params as Params).name, asked(body.value)))
  })
  post('/reload', async (request) => {
    const body = parse(plainBody, request.body ?? {})
    return body.ok ? answer(await service.reload(asked(body.value))) : answerFault(body.fault)
  })
  post('/shutdown', async (request) => {
    const body = parse(plainBody, request.body ?? {})
    return body.ok
      ? { status: 202, body: service.shutdown(asked(body.value)) }
      : answerFault(body.fault)
  })
}

function asked(body: { dry_run?: boolean | undefined }): { by: string; dryRun: boolean } {
  return { by: 'api', dryRun: body.dry_run === true }
}

function until(text: string | undefined): { forMs?: number } {
  return text === undefined ? {} : { forMs: durationMs(text) }
}

/** Checks a body or query; every problem is named in the fault. */
function parse<T extends z.ZodType>(schema: T, value: unknown): Checked<z.output<T>> {
  const parsed = schema.safeParse(value)
  if (parsed.success) return { ok: true, value: parsed.data }
  const problems = parsed.error.issues.map((i) => `${i.path.join('.') || 'body'}: ${i.message}`)
  return {
    ok: false,
    fault: { code: 'E_BODY_INVALID', message: problems.join('; '), retryable: false },
  }
}

function answer<T>(result: Checked<T>): Answer {
  return result.ok ? { status: 200, body: result.value } : answerFault(result.fault)
}

function answerFault(fault: Fault): Answer {
  return { status: statusOf(fault.code), body: errorBody(fault.code, fault.message) }
}

function send<T>(reply: FastifyReply, result: Checked<T>): FastifyReply {
  return result.ok ? reply.send(result.value) : sendFault(reply, result.fault)
}

function sendFault(reply: FastifyReply, fault: Fault): FastifyReply {
  const { status, body } = answerFault(fault)
  return reply.code(status).send(body)
}

function refuse(reply: FastifyReply, code: ErrorCode, message: string): FastifyReply {
  return sendFault(reply, { code, message, retryable: false })
}

function statusOf(code: string): number {
  return code in ERRORS ? ERRORS[code as ErrorCode].status : 500
}

// Fastify's own refusals in the words of the catalogue.
function faultOf(error: FastifyError): Fault {
  const base = { message: error.message, retryable: false }
  switch (error.code) {
    case 'FST_ERR_CTP_BODY_TOO_LARGE':
      return { ...base, code: 'E_BODY_TOO_LARGE' }
    case 'FST_ERR_CTP_INVALID_MEDIA_TYPE':
      return { ...base, code: 'E_CONTENT_TYPE' }
    default:
      return { ...base, code: (error.statusCode ?? 500) < 500 ? 'E_BODY_INVALID' : 'E_INTERNAL' }
  }
}
