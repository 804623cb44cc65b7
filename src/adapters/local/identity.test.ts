// A process is what was started only if all five parts say so; only then is it signalled.
import assert from 'node:assert/strict'
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import {
  findLeader,
  type Identity,
  identify,
  NONCE_VARIABLE,
  signalGroup,
  sweep,
  verify,
  verifyAlive,
} from './identity.ts'
import { LogFiles } from './log-files.ts'
import { environmentOf, outputsOf, statOf } from './procfs.ts'

const nonce = `nonce-${process.pid}-${Math.random()}`
const children: ChildProcess[] = []
let identity: Identity

async function started(script: string, own = nonce): Promise<ChildProcess> {
  const child = spawn(process.execPath, ['-e', `${script};console.log('up')`], {
    detached: true,
    env: { ...process.env, [NONCE_VARIABLE]: own },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  children.push(child)
  await once(child.stdout, 'data')
  return child
}

before(async () => {
  const child = await started('setInterval(() => {}, 1000)')
  const found = identify(child.pid ?? 0, nonce)
  assert.ok(found)
  identity = found
})
after(() => {
  for (const child of children) child.kill('SIGKILL')
})

test('the process itself is the same', () => {
  assert.equal(verify(identity), 'same')
  assert.equal(verifyAlive(identity), 'same')
})

test('each part by itself tells another process', () => {
  const uid = identity.uid + 1
  assert.equal(verify({ ...identity, startTicks: identity.startTicks + 1 }), 'other')
  assert.equal(verify({ ...identity, nonce: 'forged' }), 'other')
  assert.equal(verify({ ...identity, uid }), 'other')
  assert.equal(verify({ ...identity, pid: process.pid }), 'other')
  assert.equal(verify({ ...identity, bootId: 'another boot' }), 'gone')
})

test('what is not the same is not signalled', async () => {
  for (const wrong of [{ nonce: 'forged' }, { startTicks: 1 }, { bootId: 'another boot' }]) {
    assert.notEqual(signalGroup({ ...identity, ...wrong }, 'SIGKILL'), 'same')
  }
  await sleep(50)
  assert.equal(verify(identity), 'same')
})

test('a lost pid is found by the nonce, and nobody is by a wrong one', () => {
  assert.deepEqual(findLeader(nonce), identity)
  assert.equal(findLeader('nobody-has-this'), undefined)
})

test('a signal reaches the whole group, and what was signalled is gone afterwards', async () => {
  const own = `${nonce}-group`
  const sleeper = `require('node:child_process').spawn('/bin/sleep', ['60'])`
  const leader = await started(`${sleeper};setInterval(() => {}, 1000)`, own)
  const found = identify(leader.pid ?? 0, own)
  assert.ok(found)
  assert.equal(signalGroup(found, 'SIGTERM'), 'same')
  await once(leader, 'exit')
  assert.equal(verify(found), 'gone')
  assert.equal(signalGroup(found, 'SIGKILL'), 'gone')
})

test('a process on its way out is gone, at every moment of it', async () => {
  for (let n = 0; n < 20; n++) {
    const own = `${nonce}-ending-${n}`
    const child = await started('setInterval(() => {}, 1000)', own)
    const found = identify(child.pid ?? 0, own)
    assert.ok(found)
    child.kill('SIGKILL')
    // Looked at without a pause: its memory goes first, then its entry becomes a zombie.
    const verdicts = new Set<string>()
    for (let k = 0; k < 300; k++) verdicts.add(verify(found))
    verdicts.delete('same')
    verdicts.delete('gone')
    assert.deepEqual([...verdicts], [])
  }
})

// Perl's $0 writes over arguments and environment, as setproctitle does.
async function titled(own: string, log: number): Promise<ChildProcess> {
  const script = '$0 = "x" x 9000; $SIG{TERM} = sub { exit 0 }; print "up\\n"; sleep 1 while 1'
  const child = spawn('perl', ['-e', `$| = 1; ${script}`], {
    detached: true,
    env: { ...process.env, [NONCE_VARIABLE]: own },
    stdio: ['ignore', 'pipe', log],
  })
  children.push(child)
  await once(child.stdout ?? child, 'data')
  return child
}

const noPerl = { skip: spawnSync('perl', ['-v']).status !== 0 && 'perl is not installed' }

test('one that wrote over its environment is known by the log it writes to', noPerl, async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'plimsoll-identity-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const logs = new LogFiles(folder)
  const log = logs.open('web-1')
  const own = `${nonce}-titled`
  const child = await titled(own, log)
  const pid = child.pid ?? 0
  const output = logs.fileOf('web-1')
  const found = identify(pid, own, output)
  assert.ok(found && output !== undefined)
  assert.equal(environmentOf(pid, NONCE_VARIABLE), undefined)
  assert.equal(verify(found), 'same')
  assert.deepEqual(findLeader(own, output), found)
  // A record that names this process, but was another one's.
  const { output: _, ...silent } = found
  for (const wrong of [
    silent,
    { ...found, output: '1:1' },
    { ...found, startTicks: found.startTicks + 1 },
    { ...found, uid: found.uid + 1 },
  ]) {
    assert.equal(verify(wrong), 'other')
    assert.equal(signalGroup(wrong, 'SIGKILL'), 'other')
  }
  // The log alone is no proof where the environment says who it is.
  const other = await started('setInterval(() => {}, 1000)', `${nonce}-other`)
  const stranger = identify(other.pid ?? 0, own, outputsOf(other.pid ?? 0)[0])
  assert.ok(stranger)
  assert.equal(verify(stranger), 'other')
  rmSync(join(folder, 'web-1.log'))
  assert.equal(verify(found), 'same')
  assert.equal(signalGroup(found, 'SIGTERM'), 'same')
  await once(child, 'exit')
  assert.equal(verify(found), 'gone')
})

test('what a dead leader left is swept by the nonce, also out of its session', async () => {
  const own = `${nonce}-sweep`
  const script = `console.log(require('node:child_process').spawn('/bin/sleep', ['60'], { detached: true }).pid);setInterval(() => {}, 1000)`
  const child = spawn(process.execPath, ['-e', script], {
    detached: true,
    env: { ...process.env, [NONCE_VARIABLE]: own },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  children.push(child)
  const [said] = (await once(child.stdout, 'data')) as [Buffer]
  const left = Number(said.toString())
  const found = identify(child.pid ?? 0, own)
  assert.ok(found)
  child.kill('SIGKILL')
  await once(child, 'exit')
  assert.equal(sweep({ ...found, nonce: 'forged' }), 0)
  assert.equal(sweep(found), 1)
  await sleep(50)
  assert.ok([undefined, 'Z'].includes(statOf(left)?.state))
})
