// Ports for instances: free, below what the kernel gives away, each to one instance.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { test } from 'node:test'
import { freePort, isFree } from './ports.ts'
import { ephemeralLow } from './procfs.ts'

const HOST = '127.0.0.1'

test('a port is below the ephemeral range, wherever the search begins', async () => {
  for (const start of [0, 1, 12_767, 12_768, 65_535]) {
    const port = await freePort(HOST, new Set(), start)
    assert.ok(port !== undefined && port >= 20_000, `${port}`)
    assert.ok(port < Math.min(32_768, Math.max(20_001, ephemeralLow())), `${port}`)
  }
})

test('what is taken or in use is passed over', async () => {
  const first = await freePort(HOST, new Set(), 500)
  assert.ok(first)
  const second = await freePort(HOST, new Set([first]), 500)
  assert.ok(second !== undefined && second !== first)
  const server = createServer().listen(first, HOST)
  await once(server, 'listening')
  assert.equal(await isFree(HOST, first), false)
  assert.notEqual(await freePort(HOST, new Set(), 500), first)
  server.close()
  await once(server, 'close')
  assert.equal(await isFree(HOST, first), true)
})

test('when every port is taken there is none, and the search ends', async () => {
  const all = new Set(Array.from({ length: 45_536 }, (_, n) => 20_000 + n))
  assert.equal(await freePort(HOST, all, 7), undefined)
})

test('looking does not keep a port', async () => {
  const port = await freePort(HOST, new Set(), 900)
  for (let n = 0; n < 5; n++) assert.equal(await isFree(HOST, port ?? 0), true)
})
