// Instances without a record are found by their environment, and only this state folder's own.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { test } from 'node:test'
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
    const strays = findStrays(prefix, known, 5)
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
