// The demo's cast: a database, and Plimsoll with the shop, as processes of their own in a temporary
// folder.
import { type ChildProcess, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { PlimsollError } from '../../core/errors.ts'
import type { TickView } from '../../engine/service.ts'
import type { GroupView, StatusView } from '../../engine/view.ts'
import { freePort } from '../../lab/free-port.ts'
import { expectedBalancer } from '../balancer.ts'
import { loadConfig } from '../place.ts'
import { type Scenario, scenarioFile } from './scenario.ts'

const SHOP_DIR = fileURLToPath(new URL('../../../examples/shop/', import.meta.url))
const START_MS = 60_000
const STOP_MS = 60_000
const CALL_MS = 5_000

/** The running cast; `url` is where load is sent. Calls reject when the API does not answer. */
export interface Stage {
  readonly url: URL
  /** What carries the requests, as the API tells it. */
  readonly balancer: string
  /** The group as the API shows it. */
  group(): Promise<GroupView>
  /** The ticks of the run, oldest first. */
  ticks(): Promise<readonly TickView[]>
  /** Drains and stops everything, and removes the folder. */
  close(): Promise<void>
}

/** Starts everything; resolves when the shop serves. */
export async function openStage(scenario: Scenario): Promise<Stage> {
  const folder = mkdtempSync(join(tmpdir(), 'plimsoll-demo-'))
  const children: ChildProcess[] = []
  const key = randomBytes(18).toString('base64url')
  try {
    const [listenPort, apiPort] = await Promise.all([freePort(), freePort()])
    const databasePort = await startDatabase(scenario, children)
    const file = join(folder, 'plimsoll.yaml')
    const places = { shopDir: SHOP_DIR, node: process.execPath, listenPort, apiPort, databasePort }
    writeFileSync(file, scenarioFile(scenario, places))
    // Said at once and in its own words where there is no such balancer.
    expectedBalancer(loadConfig({ file }).config.spec)
    const controller = startController(folder, file, key)
    children.push(controller)
    const api = `http://127.0.0.1:${apiPort}/api/scalability`
    const get = <T>(path: string) => getJson<T>(`${api}${path}`, key)
    await untilReady(() => get<GroupView>('/groups/web'), controller, folder, scenario.bootMs)
    const { balancer } = await get<StatusView>('/status')
    return {
      balancer: balancer?.name ?? 'none',
      url: new URL(`http://127.0.0.1:${listenPort}`),
      group: () => get<GroupView>('/groups/web'),
      ticks: async () => {
        const { ticks } = await get<{ ticks: TickView[] }>('/ticks?limit=1000')
        return ticks.reverse()
      },
      close: () => closeAll(children, folder),
    }
  } catch (error) {
    await closeAll(children, folder)
    throw error
  }
}

function startController(folder: string, file: string, key: string): ChildProcess {
  const entry = process.argv[1] ?? ''
  const log = openSync(join(folder, 'controller.log'), 'a')
  const args = [...process.execArgv, entry, 'up', '--file', file, '--state', join(folder, 'state')]
  // A session of its own: a Ctrl-C in the terminal ends the demo, which then ends this in good
  // order.
  return spawn(process.execPath, args, {
    cwd: folder,
    detached: true,
    stdio: ['ignore', log, log],
    env: { ...process.env, SERVICE_API_KEY: key },
  })
}

async function startDatabase({ database }: Scenario, children: ChildProcess[]): Promise<number> {
  const { maxConnections, workers } = database
  const limit = workers === undefined ? [] : ['--workers', `${workers}`]
  const script = join(SHOP_DIR, 'database.js')
  const args = [script, '--port', '0', '--max-connections', `${maxConnections}`, ...limit]
  const child = spawn(process.execPath, args, {
    detached: true,
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  children.push(child)
  const [line] = (await once(child.stdout, 'data')) as [Buffer]
  const port = /:(\d+)\s*$/.exec(line.toString())?.[1]
  if (port === undefined) throw new PlimsollError('E_INTERNAL', `the database said: ${line}`)
  // Its only line was read; a closed pipe must not keep the demo waiting.
  child.stdout.destroy()
  return Number(port)
}

async function untilReady(
  group: () => Promise<GroupView>,
  controller: ChildProcess,
  folder: string,
  bootMs: number,
): Promise<void> {
  for (let waited = 0; waited < START_MS + bootMs; waited += 100) {
    if (controller.exitCode !== null) break
    const view = await group().catch(() => undefined)
    if (view !== undefined && view.desired > 0 && view.ready >= view.desired) return
    await sleep(100)
  }
  const said = readFileSync(join(folder, 'controller.log'), 'utf8')
    .trim()
    .split('\n')
    .slice(-8)
    .join('\n')
  throw new PlimsollError('E_NOT_READY', `the shop did not become ready:\n${said}`)
}

async function getJson<T>(url: string, key: string): Promise<T> {
  const headers = { authorization: `Bearer ${key}` }
  const response = await fetch(url, { headers, signal: AbortSignal.timeout(CALL_MS) })
  if (!response.ok) throw new PlimsollError('E_INTERNAL', `${url} answered ${response.status}`)
  return (await response.json()) as T
}

// The controller first and in good order (as by Ctrl-C): it ends the instances and the balancer.
async function closeAll(children: readonly ChildProcess[], folder: string): Promise<void> {
  for (const child of [...children].reverse()) {
    if (child.exitCode !== null || child.signalCode !== null) continue
    const exited = once(child, 'exit')
    child.kill('SIGINT')
    const inTime = await Promise.race([
      exited.then(() => true),
      sleep(STOP_MS, false, { ref: false }),
    ])
    if (!inTime) child.kill('SIGKILL')
  }
  rmSync(folder, { recursive: true, force: true })
}
