// The closed load against a real server that counts what reaches it.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import { test } from 'node:test'
import { runClosed } from './closed.ts'

test('keeps the number in flight, no more and no fewer, and counts what it made', async (t) => {
  let now = 0
  let most = 0
  const server = createServer((_request, response) => {
    now += 1
    most = Math.max(most, now)
    setTimeout(() => {
      now -= 1
      response.end()
    }, 5)
  })
  t.after(() => server.close())
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  assert.ok(address !== null && typeof address === 'object')
  const target = new URL(`http://127.0.0.1:${address.port}`)
  const mix = { faultRatio: 0, postRatio: 0.5, inFlight: 8, seed: 3 }

  const counted = await runClosed({ target, ...mix, requests: 200 })
  assert.equal(counted.requests, 200)
  assert.equal(counted.ok, 200)
  assert.equal(most, 8)

  const stop = new AbortController()
  const onEnd = (ended: number): void => {
    if (ended === 50) stop.abort()
  }
  const stopped = await runClosed({ target, ...mix, signal: stop.signal, onEnd })
  assert.ok(stopped.requests >= 50 && stopped.requests <= 58, `${stopped.requests}`)
  assert.equal(stopped.ok, stopped.requests, 'those in flight came back and count')
})
