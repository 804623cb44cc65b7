// Ports that are chosen once for all instances of a group.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import type { GroupSpec } from '../../core/model.ts'
import { PortPlan } from './port-plan.ts'

const HOST = '127.0.0.1'
const NONE = { running: [], taken: [] }
const folder = mkdtempSync(join(tmpdir(), 'plimsoll-ports-'))
after(() => rmSync(folder, { recursive: true, force: true }))

function group(name: string, maxInstances: number): GroupSpec {
  return { name, scaling: { maxInstances } } as GroupSpec
}

test('a group keeps its ports, and gets more where it may grow', async () => {
  const ports = await new PortPlan(folder).of(group('web', 3), HOST, NONE)
  assert.equal(ports.length, 6)
  assert.equal(new Set(ports).size, 6)
  const grown = await new PortPlan(folder).of(group('web', 12), HOST, NONE)
  assert.deepEqual(grown.slice(0, 6), ports)
  assert.equal(grown.length, 13)
  const other = await new PortPlan(folder).of(group('api', 5), HOST, NONE)
  assert.ok(other.every((port) => !grown.includes(port)))
})

test('what runs already keeps its port, also where the file is torn', async () => {
  writeFileSync(join(folder, 'ports.json'), '{"web": [1,')
  const running = [21_987]
  const ports = await new PortPlan(folder).of(group('web', 2), HOST, { running, taken: running })
  assert.equal(ports[0], 21_987)
})

test('the first free port is next; one that just ended rests, a stranger keeps its own', async () => {
  const plan = new PortPlan(folder)
  const web = group('rest', 3)
  const [a = 0, b = 0, c = 0, d = 0] = await plan.of(web, HOST, NONE)
  const stranger = createServer().listen(b, HOST)
  await once(stranger, 'listening')
  assert.equal(await plan.next(web, HOST, { running: [a], taken: [a] }, 1e6), c)
  plan.released(a, 1e6)
  assert.equal(await plan.next(web, HOST, { running: [c], taken: [c] }, 1e6 + 1), d)
  assert.equal(await plan.next(web, HOST, { running: [c], taken: [c] }, 2e6), a)
  stranger.close()
})

test('two starts at once get different ports, and one beyond the plan gets any', async () => {
  const plan = new PortPlan(folder)
  const web = group('many', 1)
  const given = await Promise.all(Array.from({ length: 6 }, () => plan.next(web, HOST, NONE, 1e6)))
  assert.equal(new Set(given).size, 6)
  assert.ok(given.every((port) => port !== undefined))
})
