// Identity of the balancer process, and where its files are.
import { strict as assert } from 'node:assert'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { balancerPaths } from './paths.ts'
import {
  bootId,
  isRunning,
  killIfRunning,
  NONCE_VARIABLE,
  type ProcessIdentity,
  readIdentity,
} from './process-identity.ts'

test('a process is signalled only when every part of its identity holds', async () => {
  const child = spawn(process.execPath, ['-e', 'console.log(1); setInterval(() => {}, 1000)'], {
    env: { [NONCE_VARIABLE]: 'secret' },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  await once(child.stdout, 'data')
  const pid = child.pid ?? 0
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  const startTicks = stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? ''
  const real: ProcessIdentity = { pid, bootId: bootId(), startTicks, nonce: 'secret' }
  const forged: Partial<ProcessIdentity>[] = [
    { bootId: 'another' },
    { startTicks: String(Number(startTicks) - 1) },
    { nonce: 'other' },
    { nonce: '' },
    { pid: process.pid },
  ]
  for (const part of forged) assert.equal(killIfRunning({ ...real, ...part }), false)
  assert.equal(isRunning(real), true)
  assert.equal(killIfRunning(real), true)
  await once(child, 'exit')
  assert.equal(isRunning(real), false)
})

test('a torn or forged record names no process', () => {
  const folder = mkdtempSync(join(tmpdir(), 'plimsoll-identity-'))
  const path = join(folder, 'record')
  for (const text of ['', '{', 'null', '{"pid":1,"bootId":"","startTicks":"","nonce":""}']) {
    writeFileSync(path, text)
    assert.equal(readIdentity(path), undefined, text)
  }
  assert.equal(readIdentity(join(folder, 'missing')), undefined)
  rmSync(folder, { recursive: true })
})

test('a long state folder has its socket in a private folder elsewhere', () => {
  const folder = mkdtempSync(join(tmpdir(), 'plimsoll-paths-'))
  assert.equal(balancerPaths(folder).socket, join(folder, 'balancer.sock'))
  const { socket, config } = balancerPaths(join(folder, 'x'.repeat(120)))
  assert.ok(Buffer.byteLength(socket) <= 100, socket)
  assert.ok(config.startsWith(folder))
  const elsewhere = join(socket, '..')
  assert.equal(statSync(elsewhere).mode & 0o777, 0o700)
  rmSync(elsewhere, { recursive: true })
  rmSync(folder, { recursive: true })
})
