// Conformance: what a request and a response look like on the other side, streams and tunnels
// included.
import { strict as assert } from 'node:assert'
import { Agent, request } from 'node:http'
import { connect } from 'node:net'
import { test } from 'node:test'
import { type Stage, until } from './stage.ts'
import { echoOf, send, sendRaw } from './test-client.ts'
import { type Needs, testWhere } from './traits.ts'

/** Headers, bodies, streaming, tunnels. */
export function requestTests(stage: () => Stage, needs: Needs): void {
  const serveOne = async () => {
    const [only] = await stage().instances(1)
    assert.ok(only)
    await stage().serve([only.target()])
    return only
  }

  test('forwarding headers are ours, hop-by-hop ones stay behind', async () => {
    await serveOne()
    const got = await send(stage().port, '/echo?a=b%20c', {
      headers: {
        Host: 'shop.example:8080',
        'X-Forwarded-For': '6.6.6.6',
        'X-Forwarded-Proto': 'https',
        'X-Request-Start': 't=1',
        Connection: 'keep-alive, X-Hop',
        'X-Hop': 'one',
        TE: 'trailers',
        'X-Kept': 'yes',
      },
    })
    const { headers, url } = echoOf(got)
    assert.equal(url, '/echo?a=b%20c')
    assert.equal(headers.host, 'shop.example:8080')
    assert.equal(headers['x-forwarded-for'], '127.0.0.1')
    assert.equal(headers['x-forwarded-proto'], 'http')
    assert.equal(headers['x-forwarded-host'], 'shop.example:8080')
    if (needs('named hop-by-hop headers')) assert.equal(headers['x-hop'], undefined)
    assert.equal(headers.te, undefined)
    assert.equal(headers['x-kept'], 'yes')
    const startedAtMs = Number(/^t=(\d{13})$/.exec(headers['x-request-start'] ?? '')?.[1])
    assert.ok(Math.abs(Date.now() - startedAtMs) < 60_000, headers['x-request-start'])
  })

  test('trusted forwarding headers are extended', async () => {
    const only = await serveOne()
    await stage().serve([only.target()], { trustForwarded: true })
    const sent = {
      'X-Forwarded-For': '9.9.9.9',
      'X-Forwarded-Proto': 'https',
      'X-Request-Start': 't=1',
    }
    const { headers } = echoOf(await send(stage().port, '/echo', { headers: sent }))
    assert.equal(headers['x-forwarded-for'], '9.9.9.9, 127.0.0.1')
    assert.equal(headers['x-forwarded-proto'], 'https')
    assert.notEqual(headers['x-request-start'], 't=1')
  })

  test('connections of clients are kept alive', async () => {
    await serveOne()
    const agent = new Agent({ keepAlive: true, maxSockets: 1 })
    const opened = new Set<unknown>()
    agent.on('free', (socket) => opened.add(socket))
    for (let n = 0; n < 5; n += 1) {
      const method = n % 2 ? 'POST' : 'GET'
      assert.equal((await send(stage().port, '/echo', { agent, method })).status, 200)
    }
    agent.destroy()
    assert.equal(opened.size, 1)
  })

  test('HEAD, 204 and 304 have no body and leave the connection usable', async () => {
    await serveOne()
    const agent = new Agent({ keepAlive: true, maxSockets: 1 })
    const port = stage().port
    assert.equal((await send(port, '/echo', { agent, method: 'HEAD' })).body, '')
    assert.equal((await send(port, '/echo?status=204', { agent })).status, 204)
    assert.equal((await send(port, '/echo?status=304', { agent })).status, 304)
    assert.equal(echoOf(await send(port, '/echo', { agent })).method, 'GET')
    agent.destroy()
  })

  test('a body over the limit is a 413, announced or not', async () => {
    const only = await serveOne()
    await stage().serve([only.target()], { maxBodyBytes: 10_000 })
    const body = 'x'.repeat(8_000_000)
    assert.equal((await send(stage().port, '/echo', { method: 'POST', body })).status, 413)
    const headers = { 'Transfer-Encoding': 'chunked' }
    const chunked = await send(stage().port, '/echo', { method: 'POST', body, headers })
    assert.equal(chunked.status, 413)
    assert.equal((await send(stage().port, '/echo', { method: 'POST', body: 'ok' })).status, 200)
  })

  test('requests that could be read in two ways are refused', async () => {
    const only = await serveOne()
    const both =
      'POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /echo HTTP/1.1\r\nHost: a\r\n\r\n'
    assert.match(await sendRaw(stage().port, both), /^HTTP\/1\.1 400 /)
    assert.equal(only.requests, 0)
  })

  test('events arrive while the response goes on', async () => {
    await serveOne()
    const order: string[] = []
    await new Promise<void>((resolve, reject) => {
      const events = request({ host: '127.0.0.1', port: stage().port, path: '/events' })
      events.on('error', reject)
      events.on('response', (response) => {
        order.push(String(response.headers['content-type']))
        response.on('data', (chunk: Buffer) => {
          order.push(chunk.toString().trim())
          // The second event is sent only because the first one has arrived.
          if (order.length === 2) void send(stage().port, '/release')
        })
        response.on('end', resolve)
      })
      events.end()
    })
    assert.deepEqual(order, ['text/event-stream', 'data: first', 'data: last'])
  })

  test('a response head arrives before its body', async () => {
    await serveOne()
    const statuses: (number | undefined)[] = []
    await new Promise<void>((resolve, reject) => {
      const early = request({ host: '127.0.0.1', port: stage().port, path: '/head' })
      early.on('error', reject)
      early.on('response', (response) => {
        statuses.push(response.statusCode)
        void send(stage().port, '/release')
        response.resume().on('end', resolve)
      })
      early.end()
    })
    assert.deepEqual(statuses, [200])
  })

  test('bodies stream both ways at once', async () => {
    await serveOne()
    const mirror = request({
      host: '127.0.0.1',
      port: stage().port,
      path: '/mirror',
      method: 'POST',
    })
    let received = ''
    mirror.write('one ')
    mirror.on('error', (error) => {
      received = error.message
    })
    mirror.on('response', (response) => {
      response.on('data', (chunk: Buffer) => {
        received += chunk.toString()
        if (received === 'one ') mirror.end('two')
      })
    })
    await until('the whole body came back', () => received === 'one two')
  })

  const bigBody = async (path: string) => {
    const only = await serveOne()
    await stage().serve([only.target()], { maxBodyBytes: 50_000_000 })
    const body = Buffer.alloc(20_000_000, 'plimsoll ')
    const got = await send(stage().port, path, { method: 'POST', body })
    assert.equal(got.status, 200)
    return { got, sent: body.toString() }
  }

  test('a big body comes through whole', async () => {
    const { got, sent } = await bigBody('/echo')
    assert.ok(echoOf(got).body === sent)
  })

  testWhere(needs('duplex bodies'), 'a big body is mirrored, with back-pressure', async () => {
    const { got, sent } = await bigBody('/mirror')
    assert.ok(got.body === sent)
  })

  test('an upgraded connection is a tunnel', async () => {
    const only = await serveOne()
    const socket = connect({ host: '127.0.0.1', port: stage().port })
    let received = ''
    socket.on('data', (chunk) => {
      received += chunk.toString()
    })
    socket.write('GET /chat HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n')
    await until('upgraded', () => /^HTTP\/1\.1 101 [\s\S]*\r\n\r\n$/.test(received))
    assert.match(received, /upgrade: echo/i)
    received = ''
    socket.write('hello')
    await until('echoed', () => received === 'hello')
    if (needs('in flight per target')) {
      await until('it is counted', async () => (await stage().target(only)).inFlight === 1)
      socket.destroy()
      await until('it is idle', async () => (await stage().target(only)).inFlight === 0)
    }
    socket.destroy()
  })

  testWhere(
    needs('full counters'),
    'counters tell requests, classes and time in flight',
    async () => {
      await serveOne()
      for (const status of [200, 200, 404, 500]) {
        await send(stage().port, `/echo?ms=100&status=${status}`)
      }
      await send(stage().port, '/reset', { method: 'POST' })
      await until('all are counted', async () => (await stage().counters()).inFlight === 0)
      const counters = await stage().counters()
      const { requests, ok, client, server, badGateway, shed } = counters
      assert.deepEqual(
        { requests, ok, client, server, badGateway, shed },
        { requests: 5, ok: 2, client: 1, server: 1, badGateway: 1, shed: 0 },
      )
      assert.equal(
        counters.latency.reduce((sum, count) => sum + count, 0),
        5,
      )
      assert.ok(counters.inFlightMs >= 390, `${counters.inFlightMs}`)
      assert.ok(counters.inFlightMs < 20_000, `${counters.inFlightMs}`)
      assert.equal((await stage().counters()).inFlightMs, counters.inFlightMs)
    },
  )
}
