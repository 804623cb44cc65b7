// The composition root: the only file that knows everybody. Nothing but entry points imports it.
import { randomUUID } from 'node:crypto'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { createBuiltinBalancer } from './adapters/builtin/balancer.ts'
import { systemClock } from './adapters/local/clock.ts'
import { createLocalHost } from './adapters/local/host.ts'
import { createLocalProvider } from './adapters/local/provider.ts'
import { lockState, type StateLock } from './adapters/sqlite/lock.ts'
import { openSqliteStore } from './adapters/sqlite/store.ts'
import type { Checked } from './core/commands.ts'
import { PlimsollError } from './core/errors.ts'
import type { Spec } from './core/model.ts'
import type { Balancer } from './core/ports.ts'
import { Controller, type Ports } from './engine/controller.ts'
import { type Difference, Service } from './engine/service.ts'
import { Stopper } from './engine/stop.ts'
import { createApp } from './server/app.ts'
import { ensureKey } from './server/auth.ts'

/** What a running controller leaves for the CLI to find it by. */
export interface ControllerFile {
  readonly pid: number
  readonly url: string
  /** The file it was started with, or null for `up -- COMMAND`. */
  readonly file: string | null
}

/** What a controller is built from; `file` is null for `up -- COMMAND`. */
export interface ComposeOptions {
  readonly spec: Spec
  readonly stateDir: string
  readonly version: string
  readonly file: string | null
  /** Where the API listens; absent for a controller that only cleans up. */
  readonly api?: { readonly host: string; readonly port: number }
  readonly readFile: () => Checked<{
    readonly spec: Spec
    readonly differences: readonly Difference[]
  }>
  /** Replaces ports, for tests that break them. */
  readonly wrap?: (ports: Ports) => Ports
}

/** A running controller with all its parts; `url` is null where it has no API. */
export interface Application {
  readonly controller: Controller
  readonly service: Service
  readonly url: string | null
  /** Resolves when somebody asked for everything to be drained and stopped. */
  readonly shutdownAsked: Promise<void>
  /** Drains and stops everything that was started. */
  stop(): Promise<void>
  /** Ends everything at once. */
  kill(): Promise<void>
  /** Ends the controller alone; the application goes on. */
  close(): Promise<void>
}

/** The name of the file that tells where the controller is. */
export function controllerFile(stateDir: string): string {
  return join(stateDir, 'controller.json')
}

/** Builds and starts everything. Throws PlimsollError: E_STATE_IN_USE, E_PORT_IN_USE, E_STORE. */
export async function compose(options: ComposeOptions): Promise<Application> {
  const { stateDir } = options
  const lock = takeLock(stateDir)
  if (lock === undefined) {
    throw new PlimsollError('E_STATE_IN_USE', `another controller uses ${stateDir}`)
  }
  try {
    return await assemble(options, lock.release)
  } catch (error) {
    lock.release()
    throw error
  }
}

function takeLock(stateDir: string): StateLock | undefined {
  try {
    mkdirSync(stateDir, { recursive: true, mode: 0o700 })
    return lockState(stateDir)
  } catch (error) {
    const message = `the state folder ${stateDir} can't be used: ${(error as Error).message}`
    throw new PlimsollError('E_STORE', message, { cause: error })
  }
}

/** Whether a controller holds the state folder. */
export function isInUse(stateDir: string): boolean {
  const lock = lockState(stateDir)
  lock?.release()
  return lock === undefined
}

/** The specification of the last tick in a state folder, where there is one. */
export function lastSpec(stateDir: string): Spec | undefined {
  const store = openSqliteStore(stateDir)
  try {
    const newest = store.ticks({ limit: 1 })[0]
    return newest === undefined ? undefined : store.spec(newest.specHash)
  } finally {
    store.close()
  }
}

async function assemble(options: ComposeOptions, release: () => void): Promise<Application> {
  const { spec, stateDir } = options
  const clock = systemClock
  const balancer = createBuiltinBalancer({ stateDir, clock })
  await checkPorts(options, balancer)
  const own: Ports = {
    provider: createLocalProvider({ stateDir, clock }),
    balancer,
    host: createLocalHost(clock),
    store: openSqliteStore(stateDir),
    clock,
    random: Math.random,
  }
  const ports = options.wrap?.(own) ?? own
  const controller = await Controller.start(spec, ports)
  const asked = Promise.withResolvers<void>()
  const service = new Service({
    controller,
    store: ports.store,
    clock,
    newId: randomUUID,
    readFile: options.readFile,
    shutdown: asked.resolve,
  })
  const server = options.api === undefined ? undefined : await serve(options, service, ports)
  const stopper = new Stopper(controller, ports, service)
  let closed: Promise<void> | undefined
  const close = () => {
    // Two ways down may meet here: a second Ctrl-C while the first still drains.
    closed ??= end()
    return closed
  }
  const end = async () => {
    await server?.close()
    await controller.close()
    ports.store.close()
    rmSync(controllerFile(stateDir), { force: true })
    release()
  }
  return {
    controller,
    service,
    url: server?.url ?? null,
    shutdownAsked: asked.promise,
    stop: async () => {
      await stopper.drain()
      await close()
    },
    kill: async () => {
      await stopper.kill()
      await close()
    },
    close,
  }
}

async function serve(options: ComposeOptions, service: Service, ports: Ports) {
  const { stateDir, version, api } = options
  const { host, port } = api ?? { host: '127.0.0.1', port: 0 }
  const app = createApp({
    service,
    key: ensureKey(stateDir, process.env),
    listenHost: host,
    version,
    clock: ports.clock,
    logs: (group, instance, lines) => ports.provider.logs(group, instance, lines),
  })
  const url = await app.listen({ host, port })
  const told: ControllerFile = { pid: process.pid, url, file: options.file }
  writeFileSync(controllerFile(stateDir), JSON.stringify(told), { mode: 0o600 })
  return {
    url,
    close: async () => {
      // Watchers keep their connections open for ever; they are not waited for.
      app.server.closeAllConnections()
      await app.close()
    },
  }
}

// Found out before anything is started, so that a port in use changes nothing.
async function checkPorts({ api, spec }: ComposeOptions, balancer: Balancer): Promise<void> {
  const running = await balancer.observe(AbortSignal.timeout(2_000))
  const served = running.kind === 'up' ? [] : spec.groups.flatMap((g) => g.http?.listen ?? [])
  for (const { host, port } of [...(api === undefined ? [] : [api]), ...served]) {
    if (port !== 0 && !(await canListen(host, port))) {
      throw new PlimsollError('E_PORT_IN_USE', `${host}:${port} is in use`)
    }
  }
}

function canListen(host: string, port: number): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EADDRINUSE') resolve(false)
      else
        reject(
          new PlimsollError('E_PORT_IN_USE', `can't listen on ${host}:${port}: ${error.message}`),
        )
    })
    server.listen({ host, port, exclusive: true }, () => server.close(() => resolve(true)))
  })
}
