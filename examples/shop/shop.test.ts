// The shop and its database as real processes: what they serve, refuse and do wrong on demand.
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { connect } from 'node:net'
import { createInterface } from 'node:readline'
import { after, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'

const children: ChildProcess[] = []
after(() => {
  for (const child of children) child.kill('SIGKILL')
})

/** Starts a file of the example and returns the address that its first line names. */
async function start(
  file: string,
  args: readonly string[],
  env: Record<string, string> = {},
): Promise<string> {
  const path = fileURLToPath(new URL(file, import.meta.url))
  const child = spawn(process.execPath, [path, ...args], {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  children.push(child)
  const [line] = await once(createInterface(child.stdout), 'line')
  const address = /listens on (\S+)$/.exec(String(line))?.[1]
  assert.ok(address, String(line))
  return address
}

async function startShop(pool: string, databaseArgs: readonly string[] = []): Promise<string> {
  const database = await start('database.js', ['--port', '0', ...databaseArgs])
  const env = { PORT: '0', SHOP_DATABASE: database, SHOP_POOL: pool, PLIMSOLL_INSTANCE: 'web-7' }
  return `http://${await start('server.js', [], env)}`
}

const elapsedMs = async (work: Promise<unknown>): Promise<number> => {
  const startMs = performance.now()
  await work
  return performance.now() - startMs
}

test('serves products and orders from the database, and says which instance it is', async () => {
  const shop = await startShop('5')
  const order = await fetch(`${shop}/orders`, { method: 'POST', body: '{"product":42}' })
  assert.equal(order.status, 201)
  const placed: unknown = await order.json()
  assert.ok(placed !== null && typeof placed === 'object' && 'order' in placed)
  assert.deepEqual(placed, { order: placed.order, items: { product: 42 }, instance: 'web-7' })
  assert.ok((await elapsedMs(fetch(`${shop}/products/1`))) >= 79)
  assert.equal((await fetch(`${shop}/healthz`)).status, 200)
  assert.equal((await fetch(`${shop}/nowhere`)).status, 404)
  assert.equal((await fetch(`${shop}/orders`, { method: 'POST', body: '{' })).status, 400)
})

test('does wrong what it is asked to do wrong', async () => {
  const shop = await startShop('5')
  await assert.rejects(fetch(`${shop}/products/1`, { headers: { 'x-fault': 'reset' } }))
  const late = fetch(`${shop}/products/1`, { headers: { 'x-fault': 'late' } })
  assert.ok((await elapsedMs(late)) >= 479)
  assert.equal((await late).status, 200)
})

test('requests beyond the pool wait in line, the health check does not', async () => {
  const shop = await startShop('2')
  const pages = Array.from({ length: 8 }, () => fetch(`${shop}/products/1`))
  const all = Promise.all(pages)
  const took = elapsedMs(all)
  assert.equal((await fetch(`${shop}/healthz`)).status, 200)
  assert.ok((await took) >= 4 * 79, 'eight requests over two connections take four turns')
  assert.ok((await all).every(({ status }) => status === 200))
})

test('a database of few workers is the limit, whatever the pool', async () => {
  const shop = await startShop('8', ['--workers', '2'])
  const pages = Promise.all(Array.from({ length: 8 }, () => fetch(`${shop}/products/1`)))
  assert.ok((await elapsedMs(pages)) >= 4 * 79)
})

test('a database that is full refuses, and the shop says so', async () => {
  const database = await start('database.js', ['--port', '0', '--max-connections', '1'])
  const taken = connect(Number(database.split(':')[1]), '127.0.0.1')
  await once(taken, 'data')
  const shop = `http://${await start('server.js', [], { PORT: '0', SHOP_DATABASE: database })}`
  const refused = await fetch(`${shop}/products/1`)
  assert.equal(refused.status, 500)
  assert.match(await refused.text(), /too many clients/)
  taken.destroy()
  for (let attempt = 1; attempt <= 50; attempt += 1) {
    // The database notices the departure in its own time.
    if ((await fetch(`${shop}/products/1`)).status === 200) return
    await sleep(20)
  }
  assert.fail('the shop never got the connection that became free')
})
