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
    return Reflect.apply(listen, this, options)
  }

  /** @this {net.Server} @param {(error?: Error) => void} [done] */
  prototype.close = function closeOnce(done) {
    // The application's own shutdown finds its server closed by the drain already: it is not an
    // error, and what waits for the close goes on when the last connection is gone.
    if (!drained.has(this)) return Reflect.apply(close, this, [done])
    if (done) {
      if (servers.has(this)) this.once('close', () => done())
      else process.nextTick(done)
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
