// What the kernel says, read right: of this process, of odd names, of those that are gone.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { type AddressInfo, connect, createServer } from 'node:net'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import {
  allProcesses,
  bootId,
  cpuTimes,
  environmentOf,
  ephemeralLow,
  holdsSocket,
  isEnding,
  listenersOn,
  statOf,
  userOf,
} from './procfs.ts'

/** Beyond the largest pid there can be. */
const NOBODY = 2 ** 22 + 1

test('this process is described as it is', () => {
  const stat = statOf(process.pid)
  assert.ok(stat)
  assert.deepEqual([stat.pid, stat.ppid], [process.pid, process.ppid])
  const used = process.cpuUsage()
  const ms = (used.user + used.system) / 1_000
  assert.ok(Math.abs(stat.cpuTicks * 10 - ms) < 200, `${stat.cpuTicks} ticks, ${ms} ms`)
  assert.ok(Math.abs(stat.rssBytes / process.memoryUsage.rss() - 1) < 0.5)
  const uptimeS = Number(readFileSync('/proc/uptime', 'utf8').split(' ')[0])
  assert.ok(Math.abs(uptimeS - stat.startTicks / 100 - process.uptime()) < 2)
  assert.equal(userOf(process.pid), process.geteuid?.())
  assert.ok(allProcesses().some((p) => p.pid === process.pid))
})

test('a name with spaces and brackets does not shift the fields', async () => {
  const script = `require('node:fs').writeFileSync('/proc/self/comm', 'a) R 1 (b) c'); console.log('named')`
  const child = spawn(process.execPath, ['-e', `${script}; setInterval(() => {}, 1000)`], {
    detached: true,
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  try {
    await once(child.stdout, 'data')
    const stat = statOf(child.pid ?? NOBODY)
    assert.deepEqual([stat?.ppid, stat?.session], [process.pid, child.pid])
    assert.equal(stat?.processGroup, child.pid)
  } finally {
    child.kill('SIGKILL')
  }
})

test('what is gone, or a zombie, is said to be so', async () => {
  assert.equal(statOf(NOBODY), undefined)
  assert.equal(userOf(NOBODY), undefined)
  assert.equal(environmentOf(NOBODY, 'PATH'), undefined)
  assert.equal(isEnding(NOBODY), true)
  assert.equal(holdsSocket(NOBODY, ['1']), false)
  assert.equal(isEnding(process.pid), false)
  // A child that nobody waited for: its parent is stopped.
  const parent = spawn('/bin/sh', ['-c', 'sleep 0.05 & echo $!; kill -STOP $$'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const [said] = (await once(parent.stdout, 'data')) as [Buffer]
  const pid = Number(said.toString())
  for (let n = 0; n < 100 && statOf(pid)?.state !== 'Z'; n++) await sleep(20)
  assert.equal(statOf(pid)?.state, 'Z')
  assert.equal(isEnding(pid), true)
  parent.kill('SIGKILL')
})

test('a variable is found by its whole name', async () => {
  const env = { XNONCE: 'no', NONCE: 'a=b c', NONCE2: 'no' }
  const child = spawn('/bin/sleep', ['5'], { env })
  await once(child, 'spawn')
  const pid = child.pid ?? NOBODY
  assert.equal(environmentOf(pid, 'NONCE'), 'a=b c')
  assert.equal(environmentOf(pid, 'NONC'), undefined)
  child.kill('SIGKILL')
})

test('a listener is found with its owner, on IPv4 and on all addresses', async () => {
  for (const host of ['127.0.0.1', '::']) {
    const server = createServer()
    server.listen(0, host)
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    const inodes = listenersOn(port)
    assert.ok(inodes.length >= 1, host)
    assert.equal(holdsSocket(process.pid, inodes), true)
    assert.equal(holdsSocket(process.ppid, inodes), false)
    server.close()
    await once(server, 'close')
    assert.deepEqual(listenersOn(port), [])
  }
})

test('a listener is found among thousands of other connections', async () => {
  const server = createServer((socket) => socket.end()).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  // Each leaves an entry behind for a minute; together they are more than one read brings.
  for (let k = 0; k < 600; k++) {
    const socket = connect(port, '127.0.0.1')
    socket.resume()
    await once(socket, 'close')
  }
  assert.equal(listenersOn(port).length, 1)
  server.close()
})

test('boot, ephemeral ports and processor times are there', () => {
  assert.match(bootId(), /^[0-9a-f-]{36}$/)
  assert.ok(ephemeralLow() > 1_024 && ephemeralLow() <= 65_535)
  const before = cpuTimes()
  assert.ok(before && before.total > before.busy && before.busy > 0)
})
