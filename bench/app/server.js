// @ts-check
// The application that benchmarks run on every side: handlers of 0 to 30 ms.
// DRAIN_ON names a signal on which it closes its server, as process managers ask of applications;
// without it there is no code for stopping at all.
import { createServer } from 'node:http'

const { env } = process
const MAX_HANDLER_MS = 30
const LATE_MS = 400
const MAX_BODY_CHARACTERS = 64 * 1024

/** @param {import('node:http').IncomingMessage} request @param {(body: string) => void} onBody */
function readBody(request, onBody) {
  let body = ''
  request.setEncoding('utf8')
  request.on('data', (text) => {
    body += text
    if (body.length > MAX_BODY_CHARACTERS) request.destroy()
  })
  request.on('end', () => onBody(body))
}

const server = createServer((request, response) => {
  if (request.url === '/healthz') {
    response.end('{}')
    return
  }
  const fault = request.headers['x-fault']
  const handlerMs = Math.random() * MAX_HANDLER_MS + (fault === 'late' ? LATE_MS : 0)
  readBody(request, (body) => {
    setTimeout(() => {
      if (fault === 'reset') {
        request.socket.destroy()
        return
      }
      response.setHeader('content-type', 'application/json')
      response.statusCode = request.method === 'POST' ? 201 : 200
      response.end(JSON.stringify({ received: body.length }))
    }, handlerMs)
  })
})
server.keepAliveTimeout = 65_000
server.listen(Number(env.PORT), env.HOST ?? '127.0.0.1')

if (env.DRAIN_ON) {
  process.on(env.DRAIN_ON, () => server.close(() => process.exit(0)))
}
