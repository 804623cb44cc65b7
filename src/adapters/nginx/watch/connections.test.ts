// Connections as the kernel lists them.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type AddressInfo, connect, createServer } from 'node:net'
import { test } from 'node:test'
import { parseTcpSockets, TcpConnections } from './connections.ts'

const TABLE = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:1388 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 11
   1: 0100007F:A001 0100007F:1388 01 00000000:00000000 00:00000000 00000000    33        0 12
   2: 0100007F:A002 0100007F:1388 08 00000000:00000000 00:00000000 00000000    33        0 13
   3: 0100007F:A003 0100007F:1388 06 00000000:00000000 03:00000EA1 00000000     0        0 0
   4: 0100007F:A004 0100007F:1388 01 00000000:00000000 00:00000000 00000000  1000        0 14
 500: 0200A8C0:A005 0101A8C0:0050 02 00000000:00000000 00:00000000 00000000    33        0 15
`

test('those that may still get an answer count, of the one user', () => {
  assert.deepEqual(
    [...parseTcpSockets(TABLE, 33)],
    [
      ['127.0.0.1:5000', 2],
      ['192.168.1.1:80', 1],
    ],
  )
  assert.equal(parseTcpSockets(TABLE, undefined).get('127.0.0.1:5000'), 3)
})

test('real connections are counted, and not more often than needed', async () => {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const client = connect(port, '127.0.0.1')
  await once(client, 'connect')
  let nowMs = 0
  const connections = new TcpConnections(process.getuid?.(), () => nowMs)
  const count = (isDraining: boolean) => connections.counts(isDraining)?.get(`127.0.0.1:${port}`)
  assert.equal(count(false), 1)
  client.destroy()
  await once(client, 'close')
  nowMs = 1_000
  assert.equal(count(false), 1)
  assert.equal(count(true), undefined)
  server.close()
})
