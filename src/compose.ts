// The composition root: the only file that knows everybody. Nothing but entry points imports it.
import { randomUUID } from 'node:crypto'
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createBuiltinBalancer } from './adapters/builtin/balancer.ts'
import { systemClock } from './adapters/local/clock.ts'
import { createLocalHost } from './adapters/local/host.ts'
import { checkAddresses, preflight } from './adapters/local/preflight.ts'
import { createLocalProvider } from './adapters/local/provider.ts'
import { createAttachBalancer } from './adapters/nginx/attach/balancer.ts'
import { createNginxBalancer } from './adapters/nginx/balancer.ts'
import { locateNginx, nginxMissing } from './adapters/nginx/binary.ts'
import { readPair } from './adapters/nginx/certificate.ts'
import { createPrometheusMetrics } from './adapters/prometheus/metrics.ts'
import { probePrometheus } from './adapters/prometheus/probe.ts'
import { readRange, type Span } from './adapters/prometheus/range.ts'
import { lockState, type StateLock } from './adapters/sqlite/lock.ts'
import { hasSqliteStore, openSqliteStore } from './adapters/sqlite/store.ts'
import type { Checked } from './core/commands.ts'
import { type ErrorCode, fault, PlimsollError } from './core/errors.ts'
import type { BalancerKind, Fault, MetricsSpec, Spec } from './core/model.ts'
import type { Balancer, Store } from './core/ports.ts'
import { type BalancerChoice, balancerName, chooseBalancer } from './core/via.ts'
import { Controller, type Ports } from './engine/controller.ts'
import { questionsOf } from './engine/monitor.ts'
import { type Difference, Service } from './engine/service.ts'
import { Stopper } from './engine/stop.ts'
import { createApp } from './server/app.ts'
import { ensureKey } from './server/auth.ts'

/** What a running controller leaves for the CLI to find it by. */
export interface ControllerFile {
  readonly pid: number
  readonly url: string
  /** What the controller's /healthz says of itself: another one may answer at that address. */
  readonly id: string
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
  /** Nobody chose that address: where it is taken, any free port will do. */
  readonly anyApiPort?: boolean
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
    throw storeError(stateDir, error)
  }
}

// What the file system refuses is told as such; everything else stays what it is.
function storeError(stateDir: string, error: unknown): unknown {
  const { errno, syscall } = error as NodeJS.ErrnoException
  if (!(error instanceof Error) || errno === undefined || syscall === 'listen') return error
  const message = `the state folder ${stateDir} can't be used: ${error.message}`
  return new PlimsollError('E_STORE', message, { cause: error })
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
  return readStore(stateDir, (store) => {
    const newest = store.ticks({ limit: 1 })[0]
    return newest === undefined ? undefined : store.spec(newest.specHash)
  })
}

/** What a state folder has kept, for `read`; undefined where there is none. Throws E_STORE. */
export function readStore<T>(stateDir: string, read: (store: Store) => T): T | undefined {
  if (!hasSqliteStore(stateDir)) return undefined
  const store = openSqliteStore(stateDir)
  try {
    return read(store)
  } finally {
    store.close()
  }
}

async function assemble(options: ComposeOptions, release: () => void): Promise<Application> {
  const { spec, stateDir } = options
  const clock = systemClock
  const api = await apiAddress(options)
  const { choice, balancer } = await carry(options, api !== undefined)
  if (api !== undefined) {
    await checkStart(api, spec, { balancer, kind: choice.balancer })
    writeFileSync(balancerFile(stateDir), JSON.stringify(choice.balancer), { mode: 0o600 })
  }
  const store = openSqliteStore(stateDir)
  const own = portsOf(stateDir, balancer, store)
  const ports = options.wrap?.(own) ?? own
  const controller = await startController(spec, ports)
  const asked = Promise.withResolvers<void>()
  const service = new Service({
    controller,
    store: ports.store,
    clock,
    newId: randomUUID,
    readFile: options.readFile,
    checkChange: (next) => checkChange(next, controller.state.spec, choice.balancer),
    balancer: () => {
      const notices = ports.balancer.notices?.() ?? []
      return { name: balancerName(choice.balancer), why: choice.why, notices }
    },
    shutdown: asked.resolve,
  })
  const server =
    api === undefined
      ? undefined
      : await serveOrEnd({ ...options, api }, service, ports, controller)
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
      rmSync(balancerFile(stateDir), { force: true })
      await close()
    },
    kill: async () => {
      await stopper.kill()
      rmSync(balancerFile(stateDir), { force: true })
      await close()
    },
    close,
  }
}

function portsOf(stateDir: string, balancer: Balancer, store: Ports['store']): Ports {
  const clock = systemClock
  return {
    provider: createLocalProvider({ stateDir, clock }),
    balancer,
    host: createLocalHost(clock),
    metrics: createPrometheusMetrics({ clock, environment: process.env }),
    store,
    clock,
    random: Math.random,
  }
}

// It waits: nothing is done to the world before everything else of the start has succeeded, and
// without an API nothing at all before it is told to stop.
async function startController(spec: Spec, ports: Ports): Promise<Controller> {
  try {
    return await Controller.start(spec, ports, { paused: true })
  } catch (error) {
    await Promise.all([ports.provider.close(), ports.balancer.close()])
    ports.store.close()
    throw error
  }
}

async function serveOrEnd(
  options: ComposeOptions,
  service: Service,
  ports: Ports,
  controller: Controller,
): Promise<Awaited<ReturnType<typeof serve>>> {
  try {
    const server = await serve(options, service, ports)
    controller.resume()
    return server
  } catch (error) {
    await controller.close()
    ports.store.close()
    throw error
  }
}

async function serve(options: ComposeOptions, service: Service, ports: Ports) {
  const { stateDir, version, api } = options
  const { host, port } = api ?? { host: '127.0.0.1', port: 0 }
  const id = randomUUID()
  const app = createApp({
    service,
    id,
    key: ensureKey(stateDir, process.env),
    listenHost: host,
    version,
    clock: ports.clock,
    logs: (group, instance, lines) => ports.provider.logs(group, instance, lines),
  })
  const url = await app.listen({ host, port })
  const told: ControllerFile = { pid: process.pid, url, id, file: options.file }
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

type Address = NonNullable<ComposeOptions['api']>

async function apiAddress({ api, anyApiPort }: ComposeOptions): Promise<Address | undefined> {
  const taken = api && anyApiPort ? await checkAddresses([api]) : undefined
  return api && taken ? { ...api, port: 0 } : api
}

// Found out before anything is started, so that a port in use or a wrong command changes nothing.
// Where something runs already its controller must come back, whatever would fail at a start.
async function checkStart(
  api: Address,
  spec: Spec,
  { balancer, kind }: { readonly balancer: Balancer; readonly kind: BalancerKind },
): Promise<void> {
  const running = (await balancer.observe(AbortSignal.timeout(2_000))).kind === 'up'
  const served = running ? [] : addressesOf(spec, kind)
  const failure =
    (await checkAddresses([api, ...served])) ??
    (running ? undefined : (preflight(spec.groups, process.env) ?? certificateFault(spec)))
  if (failure !== undefined) throw new PlimsollError(failure.code as ErrorCode, failure.message)
}

// The same for a changed file, of what is new in it.
async function checkChange(
  next: Spec,
  running: Spec,
  balancer: BalancerKind,
): Promise<Fault | undefined> {
  const choice = chooseHere(next, balancer)
  if (!choice.ok) return choice.fault
  const known = addressesOf(running, balancer).map((a) => `${a.host}:${a.port}`)
  const fresh = addressesOf(next, balancer).filter((a) => !known.includes(`${a.host}:${a.port}`))
  const before = new Set(running.groups.map((g) => g.run.hash))
  const changed = next.groups.filter((g) => !before.has(g.run.hash))
  return (await checkAddresses(fresh)) ?? preflight(changed, process.env) ?? certificateFault(next)
}

/** The balancer that `up` would choose here, and why; null where no group serves HTTP. */
export function balancerHere(spec: Spec): Checked<BalancerChoice | null> {
  if (spec.groups.every((g) => g.http === undefined)) return { ok: true, value: null }
  const wrong = certificateFault(spec)
  return wrong === undefined ? chooseHere(spec) : { ok: false, fault: wrong }
}

/** What is wrong with the monitor that the file names; empty where nothing is, or none is named. */
export async function monitorWarnings(spec: Spec): Promise<readonly string[]> {
  if (spec.metrics === undefined) return []
  const queries = questionsOf(spec).map((q) => ({ ...q, name: `${q.group}, query ${q.name}` }))
  return probePrometheus(spec.metrics, queries, process.env)
}

/** A range of the past out of a monitor. Faults: E_METRICS, E_ENV_MISSING. */
export function readMonitorRange(
  from: MetricsSpec,
  span: Span,
  progress: (share: number) => void,
): ReturnType<typeof readRange> {
  return readRange(from, span, { environment: process.env, progress })
}

function chooseHere(spec: Spec, running?: BalancerKind): Checked<BalancerChoice> {
  const nginx = locateNginx(process.env.PLIMSOLL_NGINX)
  const world = { ...(nginx && { nginx }), ...(running && { running }) }
  const choice = chooseBalancer(spec, world)
  if (!choice.ok || running !== undefined || nginx !== undefined) return choice
  if (choice.value.balancer.kind === 'builtin') return choice
  const { code, message } = nginxMissing()
  return { ok: false, fault: fault(code as ErrorCode, `${choice.value.why}, but ${message}`) }
}

// Found out before anything is begun. A controller that only cleans up takes what there is.
async function carry({ spec, stateDir }: ComposeOptions, serves: boolean) {
  const last = readBalancerFile(stateDir)
  const earlier = createBalancer(last, stateDir)
  const isUp = (await earlier.observe(AbortSignal.timeout(2_000))).kind === 'up'
  const choice = chooseHere(spec, isUp || !serves ? last : undefined)
  if (!choice.ok && serves) {
    await earlier.close()
    throw new PlimsollError(choice.fault.code as ErrorCode, choice.fault.message)
  }
  const chosen = choice.ok ? choice.value : { balancer: last, why: 'it is to be ended' }
  if (balancerName(chosen.balancer) === balancerName(last)) {
    return { choice: chosen, balancer: earlier }
  }
  await earlier.close()
  return { choice: chosen, balancer: createBalancer(chosen.balancer, stateDir) }
}

function createBalancer(kind: BalancerKind, stateDir: string): Balancer {
  const clock = systemClock
  const named = process.env.PLIMSOLL_NGINX
  const nginx = { stateDir, clock, ...(named === undefined ? {} : { nginx: named }) }
  if (kind.kind === 'builtin') return createBuiltinBalancer({ stateDir, clock })
  if (kind.kind === 'nginx') return createNginxBalancer(nginx)
  return createAttachBalancer({ ...nginx, dir: kind.dir })
}

// Names what carried the application last, so that it is found again; gone after a `down`.
function balancerFile(stateDir: string): string {
  return join(stateDir, 'balancer.json')
}

function readBalancerFile(stateDir: string): BalancerKind {
  try {
    const kind = JSON.parse(readFileSync(balancerFile(stateDir), 'utf8')) as BalancerKind
    if (kind.kind === 'nginx' || (kind.kind === 'attach' && typeof kind.dir === 'string'))
      return kind
  } catch {
    // Never written, or torn: only the built-in one may run then.
  }
  return { kind: 'builtin' }
}

function certificateFault(spec: Spec): Fault | undefined {
  for (const { name, http } of spec.groups) {
    const pair = http?.tls && readPair(http.tls)
    if (typeof pair === 'string') return fault('E_TLS', `groups.${name}.http.tls: ${pair}`)
  }
  return undefined
}

// Addresses that must be free. By its names a group may share one with an NGINX that runs already.
function addressesOf(spec: Spec, { kind }: BalancerKind): readonly Address[] {
  return spec.groups.flatMap(({ http }) => {
    const mayShare = kind === 'attach' && (http?.hostnames?.length ?? 0) > 0
    return http === undefined || mayShare ? [] : [http.listen]
  })
}
