// Ticks as server-sent events, for pages and scripts that watch.
import type { FastifyReply, FastifyRequest } from 'fastify'
import { errorBody } from '../core/errors.ts'
import { headline, words } from '../core/explain.ts'
import type { Tick } from '../core/model.ts'
import type { Service } from '../engine/service.ts'

/** Watchers at once; more are refused. */
const MOST_STREAMS = 50
/** A watcher that does not read is let go once this much waits for it. */
const MOST_WAITING_BYTES = 1024 * 1024
let streams = 0

/** Takes the reply over until the watcher leaves. */
export function streamTicks(
  service: Service,
  request: FastifyRequest,
  reply: FastifyReply,
): FastifyReply {
  if (streams >= MOST_STREAMS) {
    return reply.code(503).send(errorBody('E_BUSY', 'too many watchers'))
  }
  streams++
  reply.hijack()
  const { raw } = reply
  raw.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' })
  raw.write(': watching\n\n')
  const stop = service.onTick((tick) => {
    if (raw.writableLength > MOST_WAITING_BYTES) raw.destroy()
    else raw.write(`id: ${tick.id}\nevent: tick\ndata: ${JSON.stringify(eventOf(tick))}\n\n`)
  })
  request.raw.once('close', () => {
    streams--
    stop()
  })
  return reply
}

/** What a watcher needs of a tick; the whole one is at /ticks/:id. */
function eventOf(tick: Tick): Record<string, unknown> {
  return {
    tick: tick.id,
    at: new Date(tick.observation.atMs).toISOString(),
    decisions: tick.decisions.map((d) => ({
      group: d.group,
      from: d.from,
      to: d.to,
      reason: d.reason,
      headline: headline(d),
    })),
    actions: tick.plan.actions.map(words),
  }
}
