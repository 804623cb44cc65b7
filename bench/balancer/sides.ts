// The balancers that are compared: ours as the product writes and starts them, and the hand-tuned
// configuration.
import { type ChildProcess, spawn } from 'node:child_process'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { createBuiltinBalancer } from '../../src/adapters/builtin/balancer.ts'
import { systemClock } from '../../src/adapters/local/clock.ts'
import { createNginxBalancer } from '../../src/adapters/nginx/balancer.ts'
import type { Balancer } from '../../src/core/ports.ts'
import { freePort } from '../../src/lab/free-port.ts'
import type { Application } from './applications.ts'

const NEVER = new AbortController().signal
const CONFIG = new URL('./hand-tuned.conf', import.meta.url)
/** As many ports again as instances run: places that nobody has taken. */
const IDLE = 4

/** A balancer that serves. */
export interface BalancerSide {
  readonly url: string
  /** Its processes; their children count too. */
  readonly pids: readonly number[]
  stop(): Promise<void>
}

/** What a side is started with. */
export interface SideOptions {
  readonly folder: string
  readonly applications: readonly Application[]
}

/** NGINX as Plimsoll writes it, with room for more instances than there are. */
export function nginxSide(options: SideOptions, reach: 'sockets' | 'ports'): Promise<BalancerSide> {
  const stateDir = join(options.folder, `nginx-${reach}`)
  const balancer = createNginxBalancer({ stateDir, clock: systemClock })
  return ownSide(balancer, options, { stateDir, reach, identity: 'nginx/process.json' })
}

/** The built-in balancer. */
export function builtinSide(options: SideOptions): Promise<BalancerSide> {
  const stateDir = join(options.folder, 'builtin')
  const balancer = createBuiltinBalancer({ stateDir, clock: systemClock })
  return ownSide(balancer, options, { stateDir, reach: 'ports', identity: 'balancer.json' })
}

async function ownSide(
  balancer: Balancer,
  { applications }: SideOptions,
  own: { readonly stateDir: string; readonly reach: string; readonly identity: string },
): Promise<BalancerSide> {
  mkdirSync(own.stateDir, { recursive: true })
  const port = await freePort()
  const idle = await Promise.all(Array.from({ length: IDLE }, () => freePort()))
  const failure =
    (await balancer.start(NEVER)) ??
    (await balancer.configure(
      [
        {
          group: 'web',
          listen: { host: '127.0.0.1', port },
          balance: 'least_connections',
          maxInFlight: 1_000,
          queueTimeoutMs: 5_000,
          maxBodyBytes: 10_000_000,
          timeoutMs: 60_000,
          trustForwarded: false,
          health: '/',
          maxTargets: applications.length + IDLE,
          ports: [...applications.map((a) => a.port), ...idle],
          targets: applications.map((a, n) => ({
            instance: `web-${n}`,
            host: '127.0.0.1',
            port: a.port,
            ...(own.reach === 'sockets' ? { socket: a.socket } : {}),
            state: 'active',
          })),
        },
      ],
      NEVER,
    ))
  if (failure) throw new Error(failure.message)
  const known = JSON.parse(readFileSync(join(own.stateDir, own.identity), 'utf8')) as {
    readonly pid: number
  }
  return {
    url: `http://127.0.0.1:${port}/`,
    pids: [known.pid],
    stop: () => balancer.stop(1_000, NEVER),
  }
}

/** The hand-tuned configuration; `log` as ours has it, to a listener that discards it, or none. */
export async function handTunedSide(
  { folder, applications }: SideOptions,
  name: string,
  log: 'same' | 'off',
): Promise<BalancerSide> {
  const prefix = join(folder, name)
  mkdirSync(prefix, { recursive: true })
  const port = await freePort()
  const sink = createSocket('udp4').bind(0, '127.0.0.1')
  await once(sink, 'listening')
  const filled = readFileSync(CONFIG, 'utf8')
    .replace('{user}', process.getuid?.() === 0 ? 'user www-data;' : '')
    .replace('{log}', log === 'off' ? 'access_log off;' : logLines(sink.address().port))
    .replace('{port}', String(port))
    .replace('{servers}', applications.map((a) => `server 127.0.0.1:${a.port};`).join(' '))
  writeFileSync(join(prefix, 'nginx.conf'), filled)
  const argv = ['-p', `${prefix}/`, '-c', 'nginx.conf', '-e', 'error.log']
  // A session of its own, as ours is: Linux shares its cores out among sessions first.
  const child = spawn('nginx', argv, { stdio: ['ignore', 'ignore', 'inherit'], detached: true })
  await accepting(port)
  return {
    url: `http://127.0.0.1:${port}/`,
    pids: [child.pid ?? 0],
    stop: async () => {
      sink.close()
      await ended(child)
    },
  }
}

function logLines(port: number): string {
  const fields =
    '$server_name|$status|$request_time|$upstream_status|$upstream_header_time|$upstream_addr'
  return `log_format same '${fields}';
  access_log syslog:server=127.0.0.1:${port},nohostname same;`
}

async function accepting(port: number): Promise<void> {
  for (let n = 0; n < 200; n += 1) {
    const socket = connect(port, '127.0.0.1')
    const [isOpen] = await Promise.race([
      once(socket, 'connect').then(() => [true]),
      once(socket, 'close').then(() => [false]),
    ]).catch(() => [false])
    socket.destroy()
    if (isOpen) return
    await sleep(50)
  }
  throw new Error('the hand-tuned NGINX did not start')
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null) return
  child.kill('SIGTERM')
  await once(child, 'exit')
}
