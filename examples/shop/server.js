// @ts-check
// The shop's HTTP service: each request spends about 100 ms on one of a few database connections.
// It has no drain code of its own, as most services don't.
import { randomUUID } from 'node:crypto'
import { createServer } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { createPool } from './pool.js'

/** @typedef {import('node:http').IncomingMessage} Request */
/** @typedef {import('node:http').ServerResponse} Response */

const { env } = process
const name = env.PLIMSOLL_INSTANCE ?? 'shop'
const port = Number(env.PORT ?? 8080)
const host = env.HOST ?? '127.0.0.1'
const database = new URL(`tcp://${env.SHOP_DATABASE ?? '127.0.0.1:5499'}`)
const size = Number(env.SHOP_POOL ?? 20)
const bootMs = Number(env.SHOP_BOOT_MS ?? 0)

const LATE_MS = 400
const RESET_AFTER_MS = 50
const MAX_BODY_CHARACTERS = 64 * 1024

const pool = createPool({ host: database.hostname, port: Number(database.port), size })

/** @param {Response} response @param {number} status @param {object} body */
function send(response, status, body) {
  const text = JSON.stringify(body)
  response.writeHead(status, {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(text),
  })
  response.end(text)
}

/** The parsed body; undefined when it is no JSON or too long. @param {Request} request */
async function readJson(request) {
  let text = ''
  request.setEncoding('utf8')
  for await (const part of request) {
    text += part
    if (text.length > MAX_BODY_CHARACTERS) return undefined
  }
  try {
    return /** @type {unknown} */ (JSON.parse(text))
  } catch {
    // The caller answers 400; there is nothing else to learn from the parser.
    return undefined
  }
}

/** @param {string} id @param {Response} response */
async function showProduct(id, response) {
  await pool.query(`SELECT product ${id}`)
  send(response, 200, { product: id, price: 19, instance: name })
}

/** @param {Request} request @param {Response} response */
async function placeOrder(request, response) {
  const items = await readJson(request)
  if (items === undefined) return send(response, 400, { error: 'the body must be JSON' })
  const order = randomUUID()
  await pool.query(`INSERT order ${order}`)
  send(response, 201, { order, items, instance: name })
}

/** @param {Request} request @param {Response} response */
async function route(request, response) {
  const { pathname } = new URL(request.url ?? '/', 'http://shop')
  if (request.method === 'GET' && pathname === '/healthz') {
    return send(response, 200, { instance: name })
  }
  const fault = request.headers['x-fault']
  if (fault === 'reset') {
    await sleep(RESET_AFTER_MS)
    request.socket.destroy()
    return
  }
  if (fault === 'late') await sleep(LATE_MS)
  const product = /^\/products\/([\w-]{1,64})$/.exec(pathname)?.[1]
  if (request.method === 'GET' && product) return showProduct(product, response)
  if (request.method === 'POST' && pathname === '/orders') return placeOrder(request, response)
  send(response, 404, { error: 'no such page' })
}

const server = createServer((request, response) => {
  route(request, response).catch((error) => {
    // The client may be gone, or the answer half sent: then there is nobody to tell.
    if (response.headersSent || response.destroyed) response.destroy()
    else send(response, 500, { error: error instanceof Error ? error.message : String(error) })
  })
})
server.keepAliveTimeout = 65_000

if (bootMs > 0) await sleep(bootMs)
server.listen(port, host, () => {
  const address = server.address()
  const bound = address !== null && typeof address === 'object' ? address.port : port
  console.log(`${name} listens on ${host}:${bound}`)
})
