// The proxy against servers and clients that misbehave, over real sockets in one process.
import { strict as assert } from 'node:assert'
import { Agent, createServer as createHttpServer, type RequestListener, request } from 'node:http'
import type { AddressInfo, Server, Socket } from 'node:net'
import { connect, createServer } from 'node:net'
import { afterEach, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import type { BalancerGroup } from '../../../core/ports.ts'
import { Fleet } from './fleet.ts'

const cleanups: (() => void)[] = []
afterEach(() => {
  for (const cleanup of cleanups.splice(0)) cleanup()
})

test('idle connections that the instance closes never cost a request', async () => {
  const app = createHttpServer((incoming, response) => {
    incoming.resume()
    incoming.on('end', () => response.end('ok'))
    // Closes idle connections at the worst moments, and announces nothing.
    setTimeout(() => app.closeIdleConnections(), Math.random() * 4)
  })
  app.keepAliveTimeout = 0
  const { port, fleet } = await serve(app)
  const agent = new Agent({ keepAlive: true, maxSockets: 4 })
  const user = async (first: number) => {
    const failures: unknown[] = []
    for (let n = first; n < first + 200; n += 1) {
      const got = await send(port, { method: n % 2 ? 'POST' : 'GET', agent })
      if (got.status !== 200) failures.push(got)
    }
    return failures
  }
  assert.deepEqual((await Promise.all([0, 1, 2, 3].map(user))).flat(), [])
  agent.destroy()
  assert.equal(fleet.inFlight, 0)
})

test('an idle connection is not kept beyond what the instance announces', async () => {
  let opened = 0
  const app = createHttpServer((_incoming, response) => {
    response.setHeader('Keep-Alive', 'timeout=1').end('ok')
  })
  app.on('connection', () => {
    opened += 1
  })
  const { port } = await serve(app)
  for (let n = 0; n < 3; n += 1) await send(port, {})
  assert.equal(opened, 3)
})

test('a body that stalls is a 408, and costs the instance nothing', async () => {
  const { port, fleet } = await serve(createHttpServer(answerOk), { timeoutMs: 200 })
  const got = await raw(port, 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhalf')
  assert.match(got, /^HTTP\/1\.1 408 [\s\S]*stalled/)
  assert.deepEqual(pick(fleet, 'client', 'badGateway', 'inFlight'), [1, 0, 0])
  assert.equal(target(fleet).inFlight, 0)
})

test('a client that stops reading is cut off', async () => {
  const app = createHttpServer((_incoming, response) => response.end(Buffer.alloc(50_000_000)))
  const { port, fleet } = await serve(app, { timeoutMs: 300 })
  const socket = connect(port, '127.0.0.1', () => socket.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n'))
  cleanups.push(() => socket.destroy())
  socket.pause()
  await until(() => pick(fleet, 'requests')[0] === 1)
  await until(() => fleet.inFlight === 0)
  assert.equal(target(fleet).inFlight, 0)
  assert.deepEqual(pick(fleet, 'badGateway'), [0])
})

test('a response that breaks off is not passed off as whole', async () => {
  const app = rawServer('HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nonly this', 'reset')
  const { port, fleet } = await serve(app)
  assert.equal((await send(port, {})).status, 0)
  await until(() => fleet.inFlight === 0)
  assert.deepEqual(pick(fleet, 'ok', 'badGateway'), [0, 1])
})

test('garbage from an instance is a 502, and so is a head that may not be sent on', async () => {
  for (const answer of ['nonsense\r\n\r\n', 'HTTP/1.1 200 OK\r\nX-A: a\x7fb\r\n\r\n']) {
    const { port, fleet } = await serve(rawServer(answer, 'end'))
    assert.equal((await send(port, { method: 'POST' })).status, 502, answer)
    assert.equal(fleet.inFlight, 0)
  }
})

test('100-continue: asked before a body, and not given to one that is too large', async () => {
  const { port } = await serve(createHttpServer(echo))
  const head = 'POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nExpect: 100-continue\r\n'
  const good = raw(port, `${head}Content-Length: 2\r\n\r\n`, 'ok')
  assert.match(await good, /^HTTP\/1\.1 100 Continue\r\n\r\nHTTP\/1\.1 200 [\s\S]*ok/)
  const big = await raw(port, `${head}Content-Length: 5000000\r\n\r\n`)
  assert.match(big, /^HTTP\/1\.1 413 /)
})

test('an early answer reaches a client that is still sending', async () => {
  const app = createHttpServer((_incoming, response) => {
    response.writeHead(401, { Connection: 'close' }).end('no')
  })
  const { port, fleet } = await serve(app)
  const got = await raw(port, 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 99\r\n\r\npart')
  assert.match(got, /^HTTP\/1\.1 401 [\s\S]*Connection: close[\s\S]*no/)
  assert.equal(fleet.inFlight, 0)
})

test('HTTP/1.0 clients, odd codings and offers of HTTP/2 are handled', async () => {
  const { port } = await serve(createHttpServer(echo))
  assert.match(await raw(port, 'GET / HTTP/1.0\r\nHost: a\r\n\r\n'), /^HTTP\/1\.1 200 /)
  const coding = 'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n'
  assert.match(await raw(port, coding), /^HTTP\/1\.1 501 /)
  const offer =
    'POST / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n' +
    'HTTP2-Settings: AAMAAABk\r\nContent-Length: 4\r\n\r\nbody'
  assert.match(await raw(port, offer), /^HTTP\/1\.1 200 [\s\S]*body/)
})

test('an offer of TLS is ignored, HTTP/1.0 gets a Host, and two Hosts are refused', async () => {
  const app = createHttpServer((incoming, response) => {
    response.end(`${incoming.method} for ${incoming.headers.host}`)
  })
  const { port } = await serve(app)
  const tls = 'POST / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: TLS/1.2\r\n'
  assert.match(await raw(port, `${tls}Content-Length: 2\r\n\r\nhi`), /200 [\s\S]*POST for a/)
  const old = await raw(port, 'GET / HTTP/1.0\r\n\r\n')
  assert.match(old, new RegExp(`200 [\\s\\S]*GET for 127\\.0\\.0\\.1:${port}`))
  const two = 'GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\nConnection: close\r\n\r\n'
  assert.match(await raw(port, two), /^HTTP\/1\.1 400 /)
})

test('an upgrade that the instance refuses is passed on and ends the connection', async () => {
  const app = createHttpServer((_incoming, response) => response.writeHead(426).end('not here'))
  const { port, fleet } = await serve(app)
  const head = 'GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n'
  // A second request on the same connection must not slip past the balancer.
  const got = await raw(port, `${head}\r\nGET /sneak HTTP/1.1\r\nHost: a\r\n\r\n`)
  assert.equal(got.match(/HTTP\/1\.1/g)?.length, 1)
  assert.match(got, /^HTTP\/1\.1 426 [\s\S]*Connection: close[\s\S]*not here/)
  assert.match(await raw(port, `${head}Content-Length: 3\r\n\r\nabc`), /^HTTP\/1\.1 400 /)
  await until(() => fleet.inFlight === 0)
  assert.deepEqual(pick(fleet, 'client'), [2])
})

test('a group that is removed sheds who waits, and lets the others finish', async () => {
  const app = createHttpServer((_incoming, response) => setTimeout(() => response.end('ok'), 300))
  const { port, fleet } = await serve(app, { maxInFlight: 1 })
  const served = send(port, {})
  await until(() => pick(fleet, 'inFlight')[0] === 1)
  const waiting = send(port, {})
  await until(() => pick(fleet, 'waiting')[0] === 1)
  await fleet.configure([])
  assert.equal((await waiting).status, 503)
  assert.equal((await served).status, 200)
  await until(() => fleet.inFlight === 0)
})

const answerOk: RequestListener = (incoming, response) => {
  incoming.resume().on('end', () => response.end('ok'))
}

const echo: RequestListener = (incoming, response) => {
  incoming.pipe(response)
}

/** A server that answers every connection's first bytes with the same bytes. */
function rawServer(answer: string, how: 'reset' | 'end'): Server {
  return createServer((socket) => {
    socket.on('error', () => socket.destroy())
    socket.once('data', () => {
      socket.write(answer, 'latin1', () => {
        if (how === 'end') socket.end()
        else setTimeout(() => socket.resetAndDestroy(), 50)
      })
    })
  })
}

async function serve(app: Server, change: Partial<BalancerGroup> = {}) {
  const sockets = new Set<Socket>()
  app.on('connection', (socket: Socket) => sockets.add(socket))
  const appPort = await listen(app)
  const placeholder = createServer()
  const port = await listen(placeholder)
  await new Promise((resolve) => placeholder.close(resolve))
  const fleet = new Fleet({ changed: () => undefined, log: () => undefined })
  const faults = await fleet.configure([
    {
      group: 'web',
      listen: { host: '127.0.0.1', port },
      balance: 'round_robin',
      maxInFlight: 10,
      queueTimeoutMs: 5_000,
      maxBodyBytes: 1_000_000,
      timeoutMs: 5_000,
      trustForwarded: false,
      targets: [{ instance: 'web-1', host: '127.0.0.1', port: appPort, state: 'active' }],
      ...change,
    },
  ])
  assert.deepEqual(faults, [])
  cleanups.push(() => {
    void fleet.configure([])
    app.close()
    for (const socket of sockets) socket.destroy()
  })
  return { port, fleet }
}

async function listen(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return (server.address() as AddressInfo).port
}

type Counter = 'requests' | 'ok' | 'client' | 'badGateway' | 'inFlight' | 'waiting'

function pick(fleet: Fleet, ...names: Counter[]): (number | undefined)[] {
  const counters = fleet.status()[0]?.counters
  return names.map((name) => counters?.[name])
}

function target(fleet: Fleet) {
  const found = fleet.status()[0]?.targets[0]
  assert.ok(found)
  return found
}

function send(port: number, how: { method?: string; agent?: Agent }) {
  return new Promise<{ status: number; text: string }>((resolve) => {
    const { method = 'GET', agent = new Agent() } = how
    const outgoing = request({ host: '127.0.0.1', port, method, agent })
    const fail = (error: Error) => resolve({ status: 0, text: error.message })
    outgoing.on('error', fail)
    outgoing.on('response', (response) => {
      let text = ''
      response.on('data', (chunk) => {
        text += chunk
      })
      response.on('error', fail)
      response.on('end', () => resolve({ status: response.statusCode ?? 0, text }))
    })
    outgoing.end(method === 'POST' ? 'a body' : undefined)
  })
}

/**
 * Sends bytes, then `later` once something came back; resolves with all when the connection ends.
 */
function raw(port: number, bytes: string, later?: string): Promise<string> {
  return new Promise((resolve) => {
    let received = ''
    const socket = connect(port, '127.0.0.1', () => socket.write(bytes))
    socket.setTimeout(1_500, () => socket.destroy())
    socket.on('data', (chunk) => {
      if (received === '' && later !== undefined) socket.write(later)
      received += chunk.toString('latin1')
    })
    socket.on('end', () => socket.end())
    socket.on('error', () => socket.destroy())
    socket.on('close', () => resolve(received))
  })
}

async function until(holds: () => boolean): Promise<void> {
  for (let n = 0; n < 500 && !holds(); n += 1) await sleep(20)
  assert.ok(holds())
}
