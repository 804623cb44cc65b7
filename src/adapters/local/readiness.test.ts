// Ready is who listens itself and answers well, and one look at it ends soon.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type RequestListener, type Server } from 'node:http'
import { type AddressInfo, createServer as createTcp } from 'node:net'
import { afterEach, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { groupSpec } from '../../../tests/simulation/loop.ts'
import type { GroupSpec } from '../../core/model.ts'
import { statOf } from './procfs.ts'
import { isReady } from './readiness.ts'
import type { InstanceRecord } from './records.ts'

const open: { close(): unknown }[] = []
afterEach(() => {
  for (const server of open.splice(0)) server.close()
})

// This process stands for the instance: the session it is in is the instance's.
function recordOn(port: number, pid = statOf(process.pid)?.session ?? 0): InstanceRecord {
  const identity = { bootId: '', pid, startTicks: 0, nonce: '', uid: 0 }
  const base = { id: 'web-1', group: 'web', generation: 'a.0', nonce: 'n', phase: 'starting' }
  const times = { phaseAtMs: 1_000, startedAtMs: 1_000, wasReady: false, stopAsked: false }
  return { ...base, phase: 'starting', ...times, host: '127.0.0.1', port, identity }
}

async function serve(listener: RequestListener): Promise<{ port: number; server: Server }> {
  const server = createServer(listener).listen(0, '127.0.0.1')
  const close = () => {
    server.closeAllConnections()
    server.close()
  }
  open.push({ close })
  await once(server, 'listening')
  return { port: (server.address() as AddressInfo).port, server }
}

function withHealth(health?: string): GroupSpec {
  const group = groupSpec()
  const http = group.http
  assert.ok(http)
  return { ...group, http: { ...http, ...(health === undefined ? {} : { health }) } }
}

async function look(port: number, health?: string): Promise<string> {
  const readiness = await isReady(withHealth(health), recordOn(port), 5_000)
  return readiness.ready ? 'ready' : readiness.detail
}

test('without a health check an accept is enough', async () => {
  const server = createTcp().listen(0, '127.0.0.1')
  open.push(server)
  await once(server, 'listening')
  assert.equal(await look((server.address() as AddressInfo).port), 'ready')
})

test('nobody there, and a stranger there, are told apart', async () => {
  const { port, server } = await serve((_, r) => r.end())
  const stranger = await isReady(withHealth(), recordOn(port, 1), 5_000)
  assert.match(stranger.ready ? 'ready' : stranger.detail, /not this instance/)
  server.close()
  await once(server, 'close')
  assert.match(await look(port), /nothing listens on port/)
})

test('a health check counts from 200 to 399, asked with its path', async () => {
  let status = 200
  let asked = ''
  const { port } = await serve((request, response) => {
    asked = request.url ?? ''
    response.writeHead(status).end()
  })
  for (const [code, expected] of [
    [200, 'ready'],
    [204, 'ready'],
    [302, 'ready'],
    [404, '/live?deep answered 404'],
    [503, '/live?deep answered 503'],
  ] as const) {
    status = code
    assert.equal(await look(port, '/live?deep'), expected)
  }
  assert.equal(asked, '/live?deep')
})

test('one that does not answer is told within about a second', async () => {
  const { port } = await serve(() => {})
  const began = performance.now()
  assert.equal(await look(port, '/live'), '/live: no answer within 1 s')
  assert.ok(performance.now() - began < 5_000)
})

test('one that hangs up, or talks nonsense, is not ready, and disturbs nobody', async () => {
  const answers = ['', 'nonsense\r\n\r\n', 'HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\npart']
  for (const text of answers) {
    const server = createTcp((socket) => {
      socket.on('error', () => {})
      socket.once('data', () => socket.end(text))
    }).listen(0, '127.0.0.1')
    open.push(server)
    await once(server, 'listening')
    const said = await look((server.address() as AddressInfo).port, '/live')
    // A whole head is an answer; what comes after it is not waited for.
    assert.equal(said === 'ready', text.startsWith('HTTP'), said)
  }
  await sleep(50)
})

test('a health check that never ends its answer does not keep its connection', async () => {
  const { port, server } = await serve((_, response) => {
    response.write('a')
    const timer = setInterval(() => response.write('a'), 100)
    response.once('close', () => clearInterval(timer))
  })
  assert.equal(await look(port, '/live'), 'ready')
  const connections = () => {
    return new Promise<number>((resolve) => server.getConnections((_, n) => resolve(n)))
  }
  let left = await connections()
  for (let n = 0; n < 60 && left > 0; n++) {
    await sleep(50)
    left = await connections()
  }
  assert.equal(left, 0)
})

test('a worker counts as ready once it has lived a second', async () => {
  const { http: _none, ...worker } = groupSpec()
  const at = (nowMs: number) => isReady(worker, recordOn(1), nowMs)
  assert.deepEqual(await at(1_999), { ready: false, detail: 'just started' })
  assert.deepEqual(await at(2_000), { ready: true })
})
