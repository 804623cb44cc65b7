// One controller per state folder: held across processes, and free as soon as its holder is dead.
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { lockState } from './lock.ts'

const HOLDER = `
const { lockState } = await import(process.argv[1])
console.log(lockState(process.argv[2]) === undefined ? 'refused' : 'held')
setInterval(() => {}, 1000)
`
let folder: string
before(() => {
  folder = mkdtempSync(join(tmpdir(), 'plimsoll-lock-'))
})
after(() => rmSync(folder, { recursive: true, force: true }))

async function holder(): Promise<{ child: ChildProcess; said: string }> {
  const module = new URL('lock.ts', import.meta.url).href
  const args = ['--input-type=module', '-e', HOLDER, module, folder]
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  const [said] = (await once(child.stdout, 'data')) as [Buffer]
  return { child, said: said.toString().trim() }
}

async function end(child: ChildProcess): Promise<void> {
  child.kill('SIGKILL')
  await once(child, 'exit')
}

test('within a process the second is refused until the first lets go', () => {
  const first = lockState(folder)
  assert.ok(first)
  assert.equal(lockState(folder), undefined)
  first.release()
  const again = lockState(folder)
  assert.ok(again)
  again.release()
})

test('a lock of another process is refused, and looking does not take it away', async () => {
  const { child, said } = await holder()
  try {
    assert.equal(said, 'held')
    for (let n = 0; n < 3; n++) assert.equal(lockState(folder), undefined)
    const second = await holder()
    await end(second.child)
    assert.equal(second.said, 'refused')
  } finally {
    await end(child)
  }
})

test('a holder that was killed holds nothing', async () => {
  const { child } = await holder()
  const held = lockState(folder)
  await end(child)
  assert.equal(held, undefined)
  const mine = lockState(folder)
  assert.ok(mine)
  mine.release()
})
