// The open load against real servers, well and badly behaved: each request once, none forgotten.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type RequestListener, type Server } from 'node:http'
import type { Socket } from 'node:net'
import { afterEach, test } from 'node:test'
import type { LiveSecond } from './live.ts'
import { type LoadOptions, type LoadResult, runLoad } from './open.ts'

const servers: Server[] = []
afterEach(() => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections()
    server.close()
  }
})

async function serve(listener: RequestListener): Promise<{ target: URL; server: Server }> {
  const server = createServer(listener)
  servers.push(server)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  assert.ok(address !== null && typeof address === 'object')
  return { target: new URL(`http://127.0.0.1:${address.port}`), server }
}

const load = (target: URL, options: Partial<LoadOptions> = {}): Promise<LoadResult> =>
  runLoad({ target, seed: 1, profile: [{ seconds: 1, rps: 100 }], faultRatio: 0, ...options })

const sum = (result: LoadResult, key: 'requests' | 'lost' | 'failed'): number =>
  result.seconds.reduce((total, second) => total + second[key], 0)

test('every request that was due is made once and counted once', async () => {
  let seen = 0
  const { target } = await serve((request, response) => {
    seen += 1
    request.resume().on('end', () => response.end('fine'))
  })
  const result = await load(target)
  assert.ok(result.requests > 50)
  assert.equal(seen, result.requests)
  assert.equal(result.ok, result.requests)
  assert.equal(sum(result, 'requests'), result.requests)
  assert.equal(result.seconds.length, 1)
})

test('requests start when they are due, though nothing comes back', async () => {
  const held: (() => void)[] = []
  const { target } = await serve((_request, response) => {
    held.push(() => response.end())
  })
  const views: LiveSecond[] = []
  const onSecond = (view: LiveSecond): void => {
    views.push(view)
    if (view.second === 2) for (const release of held) release()
  }
  const profile = [
    { seconds: 1, rps: 50 },
    { seconds: 2, rps: 0 },
  ]
  const result = await load(target, { profile, onSecond })
  assert.equal(held.length, result.requests)
  const [first] = result.seconds
  assert.ok(first !== undefined && (first.latenciesMs[0] ?? 0) > 1_900)
  assert.equal(result.seconds[1]?.outstandingBefore, result.requests)
  assert.equal(result.seconds[1]?.answered, 0)
  assert.equal(views[1]?.inFlight, result.requests)
  assert.ok((views[1]?.p99Ms ?? 0) > 1_000, 'the live view shows how long the oldest waits')
})

test('held up itself, it skips nothing and counts latency from when due', async () => {
  const { target } = await serve((_request, response) => {
    response.end()
  })
  const onSecond = (view: LiveSecond): void => {
    const endMs = performance.now() + 600
    while (view.second === 0 && performance.now() < endMs);
  }
  const profile = [{ seconds: 2, rps: 100 }]
  const [held, free] = [await load(target, { profile, onSecond }), await load(target, { profile })]
  assert.equal(held.requests, free.requests)
  assert.ok(held.maxLagMs > 500, `${held.maxLagMs}`)
  assert.ok((held.seconds[1]?.latenciesMs.at(-1) ?? 0) > 500)
})

test('faults that the application was asked for are told from others', async () => {
  const { target } = await serve((request, response) => {
    const fault = request.headers['x-fault']
    if (fault === 'reset') request.socket.destroy()
    else setTimeout(() => response.end(), fault === 'late' ? 200 : 0)
  })
  const result = await load(target, { faultRatio: 0.5 })
  assert.equal(result.failed, 0)
  assert.ok(result.failedByApplication > 5)
  assert.ok(result.delayedByApplication > 5)
  const measured = result.seconds.reduce((total, { latenciesMs }) => total + latenciesMs.length, 0)
  assert.equal(measured, result.ok, 'marked requests are left out of the latencies')
})

test('broken connections, half answers and error statuses are failures', async () => {
  let turn = 0
  const { target } = await serve((request, response) => {
    turn += 1
    if (turn % 3 === 0) request.socket.destroy()
    else if (turn % 3 === 1) response.writeHead(500).end()
    else {
      response.writeHead(200, { 'content-length': 100 })
      response.write('half', () => request.socket.destroy())
    }
  })
  const result = await load(target)
  assert.equal(result.failed, result.requests)
  assert.equal(sum(result, 'lost'), result.requests)
  assert.ok((result.reasons['status 500'] ?? 0) > 0)
  assert.ok((result.reasons.ECONNRESET ?? 0) > 0)
  assert.ok((result.reasons['closed before the answer was complete'] ?? 0) > 0)
  assert.equal(result.failures.length, Math.min(100, result.failed))
})

test('503 with Retry-After is shed: late, not failed', async () => {
  const { target } = await serve((_request, response) => {
    response.writeHead(503, { 'retry-after': '1' }).end()
  })
  const result = await load(target)
  assert.equal(result.shed, result.requests)
  assert.equal(result.late, result.requests)
  assert.equal(result.failed, 0)
  assert.equal(sum(result, 'lost'), result.requests)
})

test('connections are reused, and left when the server says so', async () => {
  const { target } = await serve((_request, response) => {
    response.end()
  })
  const closing = await serve((_request, response) => {
    response.writeHead(200, { connection: 'close' }).end()
  })
  const counted = (server: Server): Set<Socket> => {
    const sockets = new Set<Socket>()
    server.on('connection', (socket) => sockets.add(socket))
    return sockets
  }
  const [kept, left] = [counted(servers[0] as Server), counted(closing.server)]
  const [first, second] = await Promise.all([load(target), load(closing.target)])
  assert.equal(first.ok, first.requests)
  assert.ok(kept.size < first.requests / 2, `${kept.size} connections`)
  assert.equal(second.ok, second.requests)
  assert.equal(left.size, second.requests)
})

test('a service that is not there fails every request, also marked ones', async () => {
  const { target, server } = await serve(() => {})
  server.close()
  await once(server, 'close')
  const result = await load(target, { faultRatio: 0.5 })
  assert.ok(result.requests > 50)
  assert.equal(result.reasons.ECONNREFUSED, result.requests)
})

test('outstanding requests are bounded', async () => {
  const held: (() => void)[] = []
  const { target } = await serve((_request, response) => {
    held.push(() => response.end())
  })
  const onSecond = (): void => {
    for (const release of held) release()
  }
  const result = await load(target, { maxOutstanding: 10, onSecond })
  assert.equal(held.length, 10)
  assert.equal(result.failed, result.requests - 10)
})

test('a signal ends the run at once, also from within the watcher', async () => {
  const { target } = await serve(() => {})
  const controller = new AbortController()
  const profile = [{ seconds: 600, rps: 20 }]
  const onSecond = (): void => controller.abort()
  const result = await load(target, { profile, onSecond, signal: controller.signal })
  assert.equal(result.requests, 0)
  const aborted = await load(target, { signal: AbortSignal.abort() })
  assert.equal(aborted.requests, 0)
})
