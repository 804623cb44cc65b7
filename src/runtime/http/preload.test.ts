// The drain protocol, on real processes, with this Node and with an older one where the PATH has
// it.
import { strict as assert } from 'node:assert'
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { Agent, type IncomingMessage, type RequestOptions, request } from 'node:http'
import { type AddressInfo, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { text } from 'node:stream/consumers'
import { after, describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'

const PRELOAD = fileURLToPath(new URL('./preload.cjs', import.meta.url))

const SERVER = `
const http = require('node:http')
const server = http.createServer((request, response) => {
  request.resume()
  const ms = Number(new URL(request.url, 'http://a').searchParams.get('ms'))
  if (request.url !== '/never') request.on('end', () => setTimeout(() => response.end('done'), ms))
})
const listen = () => server.listen(0, '127.0.0.1', () => console.log(server.address().port))
`
const PLAIN = `${SERVER}; listen()`
const OWN_HANDLER = `${SERVER}; listen()
process.on('SIGTERM', () => {
  server.close((error) => { console.log(error ?? 'closed'); process.exit(3) })
  server.closeIdleConnections?.()
})`
const ON_PORT = `
const http = require('node:http')
const server = http.createServer((request, response) => {
  const { remoteAddress, remoteFamily } = request.socket
  setTimeout(() => response.end(remoteAddress + ' ' + remoteFamily), request.url === '/slow' ? 300 : 0)
})
server.listen(process.env.PORT, '127.0.0.1', () => console.log(server.address().port))
process.on('SIGTERM', () => server.close(() => { console.log('closed'); process.exit(3) }))`
const NO_SERVER = `setInterval(() => {}, 1000); console.log(1)`
const CLUSTER = `
const cluster = require('node:cluster')
if (cluster.isPrimary) { cluster.fork(); cluster.fork() } else { ${SERVER}; listen() }`

const folder = mkdtempSync(join(tmpdir(), 'plimsoll-preload-'))
const children: ChildProcess[] = []
after(() => {
  for (const child of children) child.kill('SIGKILL')
  rmSync(folder, { recursive: true, force: true })
})

for (const [version, node] of nodes()) {
  describe(`preload on Node ${version}`, () => {
    test('under keep-alive load, half of it POST, nothing fails', async () => {
      const app = await start(node, PLAIN, { PLIMSOLL_KEEPALIVE_MS: '500' })
      const results: Got[] = []
      const users = Array.from({ length: 10 }, async (_, user) => {
        const agent = new Agent({ keepAlive: true, maxSockets: 1 })
        for (let n = user; ; n += 1) {
          const method = n % 2 ? 'POST' : 'GET'
          const got = await send(app.port, `/?ms=${n % 15}`, { method, agent })
          if (got.refused) break
          results.push(got)
        }
        agent.destroy()
      })
      await sleep(300)
      app.child.kill('SIGTERM')
      await Promise.all(users)
      assert.deepEqual(
        results.filter((got) => got.status !== 200),
        [],
      )
      assert.ok(results.length > 50, `${results.length} requests`)
      assert.deepEqual(await app.ended, [0, null])
    })

    test('the port it was given is served on the socket too, until both are closed', async () => {
      const socketPath = join(folder, `${children.length}.sock`)
      const port = String(await freePort())
      const app = await start(node, ON_PORT, { PORT: port, PLIMSOLL_SOCKET: socketPath })
      const ask = (path: string) => answer({ socketPath, path })
      assert.deepEqual(await ask('/'), await answer({ host: '127.0.0.1', port, path: '/' }))
      assert.equal(await ask('/'), '127.0.0.1 IPv4')
      const slow = ask('/slow')
      await sleep(100)
      app.child.kill('SIGTERM')
      assert.equal(await slow, '127.0.0.1 IPv4')
      assert.deepEqual(await app.ended, [3, null])
      assert.match(app.output(), /closed/)
      assert.equal(existsSync(socketPath), false)
    })

    test('where the socket can not be, the port is served all the same', async () => {
      const port = String(await freePort())
      const env = { PORT: port, PLIMSOLL_SOCKET: join(folder, 'nowhere', 'a.sock') }
      const app = await start(node, ON_PORT, env)
      assert.equal(await answer({ host: '127.0.0.1', port, path: '/' }), '127.0.0.1 IPv4')
      app.child.kill('SIGKILL')
    })

    test('an idle connection takes one more request, and is closed by its answer', async () => {
      const app = await start(node, PLAIN, { PLIMSOLL_KEEPALIVE_MS: '3000' })
      const agent = new Agent({ keepAlive: true, maxSockets: 1 })
      assert.equal((await send(app.port, '/', { agent })).connection, 'keep-alive')
      app.child.kill('SIGTERM')
      await refusing(app.port)
      const got = await send(app.port, '/', { agent, method: 'POST' })
      assert.deepEqual(got, { status: 200, connection: 'close', refused: false })
      assert.deepEqual(await app.ended, [0, null])
    })

    test('an idle connection does not hold it for ever', async () => {
      const app = await start(node, PLAIN, { PLIMSOLL_KEEPALIVE_MS: '200' })
      const agent = new Agent({ keepAlive: true, maxSockets: 1 })
      await send(app.port, '/', { agent })
      app.child.kill('SIGTERM')
      assert.deepEqual(await app.ended, [0, null])
      agent.destroy()
    })

    test("the application's own handler runs, and ends the process when all is answered", async () => {
      const app = await start(node, OWN_HANDLER, { PLIMSOLL_KEEPALIVE_MS: '800' })
      const agent = new Agent({ keepAlive: true, maxSockets: 1 })
      await send(app.port, '/', { agent })
      const slow = send(app.port, '/?ms=500', { method: 'POST' })
      await sleep(100)
      app.child.kill('SIGTERM')
      await refusing(app.port)
      assert.equal((await send(app.port, '/', { agent, method: 'POST' })).status, 200)
      assert.equal((await slow).status, 200)
      assert.deepEqual(await app.ended, [3, null])
      assert.match(app.output(), /^\d+\nclosed\n$/)
    })

    test('the time limit holds', async () => {
      const app = await start(node, PLAIN, { PLIMSOLL_STOP_TIMEOUT_MS: '300' })
      const never = send(app.port, '/never')
      await sleep(100)
      app.child.kill('SIGTERM')
      assert.deepEqual(await app.ended, [1, null])
      assert.equal((await never).status, 0)
    })

    test('a process that does not serve ends as ever', async () => {
      const app = await start(node, NO_SERVER, {})
      app.child.kill('SIGTERM')
      assert.deepEqual(await app.ended, [null, 'SIGTERM'])
    })

    test("a cluster's workers answer what they have", async () => {
      const app = await start(node, CLUSTER, { PLIMSOLL_KEEPALIVE_MS: '200' })
      const slow = send(app.port, '/?ms=500', { method: 'POST' })
      await sleep(150)
      app.child.kill('SIGTERM')
      assert.equal((await slow).status, 200)
      assert.deepEqual(await app.ended, [0, null])
    })
  })
}

/** This Node, and the ones on the PATH outside of `node_modules`, by version. */
function nodes(): Map<string, string> {
  const found = new Map([[process.version, process.execPath]])
  for (const folder of (process.env.PATH ?? '').split(delimiter)) {
    const path = join(folder, 'node')
    if (folder.includes('node_modules') || !existsSync(path)) continue
    const version = execFileSync(path, ['--version'], { encoding: 'utf8' }).trim()
    if (!found.has(version)) found.set(version, path)
  }
  return found
}

async function start(node: string, source: string, env: Record<string, string>) {
  const script = join(folder, `app-${children.length}.cjs`)
  writeFileSync(script, source)
  const child = spawn(node, ['--require', PRELOAD, script], {
    env: { ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  children.push(child)
  let output = ''
  const ended = once(child, 'close')
  child.stdout.on('data', (chunk) => {
    output += chunk
  })
  while (!output.includes('\n')) await once(child.stdout, 'data')
  return { child, ended, port: Number(output.split('\n')[0]), output: () => output }
}

interface Got {
  readonly status: number
  readonly connection: string | undefined
  /** Nobody listened: nothing was sent. */
  readonly refused: boolean
}

function send(
  port: number,
  path: string,
  how: { method?: string; agent?: Agent } = {},
): Promise<Got> {
  return new Promise((resolve) => {
    const { method = 'GET', agent = new Agent() } = how
    const outgoing = request({ host: '127.0.0.1', port, path, method, agent })
    outgoing.on('error', (error: NodeJS.ErrnoException) => {
      resolve({ status: 0, connection: error.message, refused: error.code === 'ECONNREFUSED' })
    })
    outgoing.on('response', (response) => {
      const { statusCode: status = 0, headers } = response
      response.resume()
      response.on('end', () => resolve({ status, connection: headers.connection, refused: false }))
    })
    outgoing.end(method === 'POST' ? 'a body' : undefined)
  })
}

/** The body of a GET. */
async function answer(options: RequestOptions): Promise<string> {
  const outgoing = request({ ...options, agent: false }).end()
  const [response] = (await once(outgoing, 'response')) as [IncomingMessage]
  return text(response)
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}

/** Waits until nobody listens on the port any more. */
async function refusing(port: number): Promise<void> {
  for (let n = 0; n < 500; n += 1) {
    if ((await send(port, '/')).refused) return
    await sleep(10)
  }
  assert.fail('it still listens')
}
