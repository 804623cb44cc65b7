// Instances without a record are found by their environment, and only this state folder's own.
import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { LogFiles } from './log-files.ts'
import { freePort } from './ports.ts'
import type { InstanceRecord } from './records.ts'
import { findStrays, noncePrefix } from './strays.ts'

test('a stray becomes a record again; known ones and those of others do not', async () => {
  const prefix = noncePrefix('/tmp/some/state')
  const start = async (nonce: string) => {
    const child = spawn(process.execPath, ['-e', 'console.log(1); setInterval(() => {}, 1e4)'], {
      detached: true,
      stdio: ['ignore', 'pipe', 'ignore'],
      env: {
        PLIMSOLL_NONCE: nonce,
        PLIMSOLL_INSTANCE: 'web-7',
        PLIMSOLL_GROUP: 'web',
        PLIMSOLL_GENERATION: 'g.1',
        PORT: '20123',
        HOST: '127.0.0.1',
      },
    })
    // What it prints shows that it runs its own program by now.
    await once(child.stdout, 'data')
    return child
  }
  const children = [
    await start(`${prefix}aa`),
    await start(`${prefix}bb`),
    await start(`${noncePrefix('/tmp/other')}cc`),
  ]
  try {
    const known = [{ nonce: `${prefix}bb` } as InstanceRecord]
    const strays = findStrays({ prefix, logs: new Map(), nowMs: 5 }, known)
    assert.equal(strays.length, 1)
    const { id, group, generation, port, phase, identity } = strays[0] as InstanceRecord
    assert.deepEqual(
      { id, group, generation, port, phase, pid: identity?.pid },
      {
        id: 'web-7',
        group: 'web',
        generation: 'g.1',
        port: 20_123,
        phase: 'starting',
        pid: children[0]?.pid,
      },
    )
  } finally {
    for (const child of children) child.kill('SIGKILL')
  }
})

test('a stray that wrote over its environment is found by its log and its port', async (t) => {
  if (spawnSync('perl', ['-v']).status !== 0) return t.skip('perl is not installed')
  const folder = mkdtempSync(join(tmpdir(), 'plimsoll-strays-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const logs = new LogFiles(folder)
  const log = logs.open('web-3')
  const port = await freePort('127.0.0.1', new Set(), process.pid)
  const script = `use IO::Socket::INET;
    my $s = IO::Socket::INET->new(LocalAddr => '127.0.0.1:${port}', Listen => 1) or die;
    $0 = 'x' x 9000; $| = 1; print "up\\n"; sleep 1 while 1`
  const child = spawn('perl', ['-e', script], {
    detached: true,
    stdio: ['ignore', 'pipe', log],
    env: { ...process.env, PLIMSOLL_NONCE: 'hidden' },
  })
  try {
    await once(child.stdout ?? child, 'data')
    const lost = { prefix: 'p.', logs: logs.instances(), nowMs: 5 }
    const [stray, ...others] = findStrays(lost, [])
    assert.deepEqual(others, [])
    assert.equal(stray?.identity?.pid, child.pid)
    assert.deepEqual(
      { id: stray?.id, group: stray?.group, port: stray?.port, phase: stray?.phase },
      { id: 'web-3', group: 'web', port, phase: 'ready' },
    )
    assert.ok(stray)
    assert.deepEqual(findStrays(lost, [stray]), [])
  } finally {
    child.kill('SIGKILL')
  }
})
