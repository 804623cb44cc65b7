// @ts-check
// The drain protocol for a Node application, with no change of its code: `node --require
// plimsoll/preload server.js`. On SIGTERM it stops accepting, keeps idle connections, answers with
// `Connection: close`, and ends when all is done.
'use strict'

const diagnostics = require('node:diagnostics_channel')
const http = require('node:http')
const https = require('node:https')
const net = require('node:net')
const { isMainThread } = require('node:worker_threads')

/** @typedef {import('node:http').ServerResponse} ServerResponse */

/** @type {unknown} */
const clusterModule = require('node:cluster')
const cluster = /** @type {import('node:cluster').Cluster} */ (clusterModule)

/** How long after the last request a balancer may still use an idle connection, in milliseconds. */
const KEEPALIVE_MS = duration('PLIMSOLL_KEEPALIVE_MS', 5_000)
/** The process ends at the latest this long after SIGTERM, in milliseconds. */
const STOP_TIMEOUT_MS = duration('PLIMSOLL_STOP_TIMEOUT_MS', 30_000)
const LOOK_MS = 25

/** Servers that were told to listen and are not closed yet. @type {Set<net.Server>} */
const servers = new Set()
/**
 * Servers whose listening socket the drain closed; they still have connections. @type
 * {WeakSet<net.Server>}
 */
const drained = new WeakSet()
/** Open connections of all servers. @type {Set<net.Socket>} */
const connections = new Set()
/** Requests whose response is not complete. @type {Set<ServerResponse>} */
const inFlight = new Set()
/** Unix sockets of servers. @type {Map<net.Server, net.Server>} */
const twins = new Map()
/** How a connection over a Unix socket looks. */
const LOCAL = {
  remoteAddress: { value: '127.0.0.1' },
  remoteFamily: { value: 'IPv4' },
  remotePort: { value: 0 },
  localAddress: { value: '127.0.0.1' },
}
let draining = false
let lastRequestAtMs = 0
/** The workers of a cluster's primary that are draining. @type {import('node:cluster').Worker[]} */
let workers = []

if (isMainThread) {
  watchRequests()
  watchServers()
}

/**
 * Follows every request, without adding a listener that would change how the application answers.
 */
function watchRequests() {
  diagnostics.subscribe('http.server.request.start', (message) => {
    const { response } = /** @type {{ response: ServerResponse }} */ (message)
    inFlight.add(response)
    lastRequestAtMs = performance.now()
    response.once('close', () => {
      inFlight.delete(response)
      lastRequestAtMs = performance.now()
    })
    if (draining) closeAfter(response)
  })
}

/** Follows every server, and makes closing one twice harmless. */
function watchServers() {
  const prototype = net.Server.prototype
  const { listen, close } = prototype

  /** @this {net.Server} @param {unknown[]} options */
  prototype.listen = function listenWatched(...options) {
    if (!servers.has(this)) {
      servers.add(this)
      this.on('connection', follow)
      this.once('close', () => {
        servers.delete(this)
        this.off('connection', follow)
      })
    }
    awaitSignal()
    if (isOnOurPort(options)) listenOnSocket(this)
    return Reflect.apply(listen, this, options)
  }

  /** @this {net.Server} @param {(error?: Error) => void} [done] */
  prototype.close = function closeOnce(done) {
    // The application's own shutdown finds its server closed by the drain already: it is not an
    // error, and what waits for the close goes on when the last connection is gone.
    if (!drained.has(this)) return Reflect.apply(close, this, [withTwin(this, done)])
    const over = withTwin(this, done)
    if (over) {
      if (servers.has(this)) this.once('close', () => over())
      else process.nextTick(over)
    }
    return this
  }

  for (const server of [http.Server, https.Server]) keepIdleConnections(server.prototype)
}

/**
 * Since Node 19 `close` of an HTTP server also ends idle connections, by this very method, under
 * requests that are on their way to them. During the drain nobody may, the application included.
 * @param {http.Server | https.Server} prototype
 */
function keepIdleConnections(prototype) {
  const { closeIdleConnections } = prototype
  prototype.closeIdleConnections = function closeIdleLater() {
    if (!draining) Reflect.apply(closeIdleConnections, this, [])
  }
}

/**
 * Whether the application asks for the port it was given.
 * @param {unknown[]} options what `listen` is called with
 */
function isOnOurPort([first]) {
  const port = first !== null && typeof first === 'object' ? Reflect.get(first, 'port') : first
  return port !== undefined && port !== '' && String(port) === process.env.PORT
}

/**
 * Lets the balancer in over a Unix socket too, which costs both sides less. To the application its
 * requests look as if they came from a balancer on this machine over TCP.
 * @param {net.Server} server
 */
function listenOnSocket(server) {
  const path = process.env.PLIMSOLL_SOCKET
  if (!path || !(server instanceof http.Server) || twins.has(server)) return
  const twin = net.createServer({ allowHalfOpen: true }, (socket) => {
    Object.defineProperties(socket, LOCAL)
    server.emit('connection', socket)
  })
  // Not possible here (a read-only disk, another user): the port is there all the same.
  for (const over of ['error', 'close']) twin.once(over, () => twins.delete(server))
  twins.set(server, twin)
  twin.listen(path)
  twin.unref()
}

/**
 * Closes a server's twin with it. Returns what is to be called when the server is closed: not
 * before the twin is.
 * @param {net.Server} server
 * @param {((error?: Error) => void) | undefined} done
 */
function withTwin(server, done) {
  const twin = twins.get(server)
  if (!twin) return done
  if (twin.listening) twin.close()
  return (
    done &&
    ((/** @type {Error | undefined} */ error) => {
      // It leaves the map with its last connection.
      if (twins.has(server)) twin.once('close', () => done(error))
      else done(error)
    })
  )
}

/** @param {net.Socket} socket */
function follow(socket) {
  connections.add(socket)
  socket.once('close', () => connections.delete(socket))
}

let awaiting = false

/** Only a process that serves is drained; others end by SIGTERM as ever. */
function awaitSignal() {
  if (awaiting) return
  awaiting = true
  process.prependListener('SIGTERM', drain)
}

function drain() {
  if (draining) return
  draining = true
  lastRequestAtMs = performance.now()
  const endAtMs = performance.now() + STOP_TIMEOUT_MS
  for (const server of servers) {
    if (!server.listening) continue
    net.Server.prototype.close.call(server)
    drained.add(server)
  }
  for (const response of inFlight) closeAfter(response)
  // An application that handles the signal itself also ends itself; only the time limit is ours.
  const endsItself = process.listenerCount('SIGTERM') > 1
  if (!endsItself) workers = drainWorkers()
  let released = false
  const timer = setInterval(() => {
    const over = performance.now() >= endAtMs
    if (over || (isDone() && !endsItself)) finish(over)
    else if (isDone() && !released) {
      // Whatever waits for `server.close` goes on now.
      released = true
      for (const socket of connections) socket.destroy()
      timer.unref()
      setTimeout(() => finish(true), endAtMs - performance.now()).unref()
    }
  }, LOOK_MS)
}

/** A cluster's primary hands the signal on, and outlives its workers. */
function drainWorkers() {
  const found = Object.values(cluster.workers ?? {}).flatMap((worker) => worker ?? [])
  for (const worker of found) worker.process.kill('SIGTERM')
  return found
}

/** No request is under way, and none is to be expected on the connections that are left. */
function isDone() {
  if (inFlight.size > 0 || !workers.every((worker) => worker.isDead())) return false
  return connections.size === 0 || performance.now() - lastRequestAtMs >= KEEPALIVE_MS
}

/** @param {boolean} over the time limit has passed */
function finish(over) {
  const cut = over ? inFlight.size : 0
  if (cut > 0) process.stderr.write(`plimsoll: ended with ${cut} requests unanswered\n`)
  process.exit(cut > 0 ? 1 : 0)
}

/** Makes this response the last one of its connection. @param {ServerResponse} response */
function closeAfter(response) {
  if (!response.headersSent) response.shouldKeepAlive = false
}

/** @param {string} name @param {number} otherwise */
function duration(name, otherwise) {
  const ms = Number(process.env[name] || otherwise)
  return Number.isFinite(ms) && ms >= 0 ? ms : otherwise
}
