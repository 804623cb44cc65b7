// The instances behind every side of the balancer benchmark: small Node servers, on a port and, by
// the preload, on a Unix socket.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { freePort } from '../../src/lab/free-port.ts'

const PRELOAD = fileURLToPath(new URL('../../src/runtime/http/preload.cjs', import.meta.url))
const SERVER = `
const http = require('node:http')
const server = http.createServer((request, response) => {
  request.resume()
  response.end('hello from an instance\\n')
})
server.listen(Number(process.env.PORT), '127.0.0.1', () => console.log('ready'))
`

/** One that runs. */
export interface Application {
  readonly pid: number
  readonly port: number
  readonly socket: string
  readonly child: ChildProcess
}

/** Starts `count` of them with their sockets in `folder`; whoever starts them ends them. */
export function startApplications(folder: string, count: number): Promise<readonly Application[]> {
  return Promise.all(Array.from({ length: count }, (_, n) => startOne(folder, n)))
}

async function startOne(folder: string, n: number): Promise<Application> {
  const port = await freePort()
  const socket = join(folder, `${n}.sock`)
  const child = spawn(process.execPath, ['--require', PRELOAD, '-e', SERVER], {
    env: { PORT: String(port), PLIMSOLL_SOCKET: socket },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  await Promise.race([
    once(child.stdout, 'data'),
    once(child, 'exit').then(() => Promise.reject(new Error('an instance did not start'))),
  ])
  chmodSync(socket, 0o666)
  return { pid: child.pid ?? 0, port, socket, child }
}
