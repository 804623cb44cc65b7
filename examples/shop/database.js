// @ts-check
// A stand-in for the shared database: newline-delimited TCP, one query at a time on a connection,
// and a limit on connections.
import { once } from 'node:events'
import { createServer } from 'node:net'
import { parseArgs } from 'node:util'

/**
 * @typedef {object} DatabaseOptions
 * @property {number} port 0 picks a free one
 * @property {string} host
 * @property {number} maxConnections further ones are answered "too many clients" and closed
 * @property {number} workers queries that run at once over all connections; the rest wait
 */

// Nobody waits for a query that this many are ahead of; a real database gives up as well.
const MAX_WAITING = 100_000
const MAX_QUERY_CHARACTERS = 10_000

/** How long one query takes, in milliseconds: 80 to 120, uniformly. */
const queryMs = () => 80 + Math.random() * 40

/**
 * Starts the database; resolves once it listens.
 * @param {DatabaseOptions} options
 */
export async function startDatabase({ port, host, maxConnections, workers }) {
  /** @type {(() => void)[]} */
  const waiting = []
  let running = 0
  let open = 0

  /** @param {() => void} reply */
  function run(reply) {
    running += 1
    setTimeout(() => {
      running -= 1
      reply()
      const next = waiting.shift()
      if (next) run(next)
    }, queryMs())
  }

  const server = createServer((socket) => {
    // A client that goes away ends its own connection only.
    socket.on('error', () => socket.destroy())
    if (open >= maxConnections) {
      socket.end('ERROR too many clients already\n')
      return
    }
    open += 1
    socket.on('close', () => {
      open -= 1
    })
    socket.setNoDelay(true)
    socket.setEncoding('utf8')
    socket.write('READY\n')
    let received = ''
    let busy = false
    socket.on('data', (text) => {
      received += text
      takeQuery()
    })

    function takeQuery() {
      const end = received.indexOf('\n')
      if (end < 0 || busy) {
        if (received.length > MAX_QUERY_CHARACTERS) socket.destroy()
        return
      }
      const query = received.slice(0, end)
      received = received.slice(end + 1)
      if (waiting.length >= MAX_WAITING) {
        socket.write('ERROR too many queries are waiting\n')
        return
      }
      busy = true
      const answer = () => {
        busy = false
        if (socket.writable) socket.write(`OK ${query}\n`)
        takeQuery()
      }
      if (running < workers) run(answer)
      else waiting.push(answer)
    }
  })
  server.listen(port, host)
  await once(server, 'listening')
  return server
}

/**
 * A number of at least `least` from the command line or the environment.
 * @param {string} name @param {string | undefined} text
 * @param {number} preset @param {number} least
 */
function numberFrom(name, text, preset, least) {
  const value = text === undefined || text === '' ? preset : Number(text)
  if (value >= least) return value
  console.error(`database: ${name} must be a number of at least ${least}, not ${text}`)
  process.exit(2)
}

async function main() {
  const { values } = parseArgs({
    options: {
      port: { type: 'string' },
      host: { type: 'string' },
      'max-connections': { type: 'string' },
      workers: { type: 'string' },
    },
  })
  const { env } = process
  const host = values.host ?? env.DATABASE_HOST ?? '127.0.0.1'
  const maxConnections = values['max-connections'] ?? env.DATABASE_MAX_CONNECTIONS
  const server = await startDatabase({
    port: numberFrom('port', values.port ?? env.DATABASE_PORT, 5499, 0),
    host,
    maxConnections: numberFrom('max-connections', maxConnections, 400, 1),
    workers: numberFrom('workers', values.workers ?? env.DATABASE_WORKERS, Infinity, 1),
  })
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('not a TCP listener')
  console.log(`database listens on ${host}:${address.port}`)
}

if (import.meta.main ?? process.argv[1]?.endsWith('database.js')) await main()
