// Plimsoll as its users have it: the CLI to start, restart and stop, the HTTP API to scale.
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { freePort } from '../../src/lab/free-port.ts'
import { MAX_INSTANCES, MIN_INSTANCES } from '../events.ts'
import { APPLICATION, type Drain, isServing, runNode, type Side, until } from './side.ts'

const CLI = fileURLToPath(new URL('../../bin/plimsoll.cjs', import.meta.url))
const PRELOAD = fileURLToPath(new URL('../../src/runtime/http/preload.cjs', import.meta.url))
const GROUP = 'web'
const KEY = 'bench-key-of-this-run-only-0123456789'
const CALL_TIMEOUT_MS = 10_000
// More than the benchmark has in flight: nothing is to wait for room while an instance drains.
const MAX_IN_FLIGHT = 100

interface GroupState {
  readonly desired: number
  readonly ready: number
  readonly ids: readonly string[]
}

interface Wanted {
  readonly drain: Drain
  readonly via: PlimsollBalancer
  readonly port: number
  readonly apiPort: number
}

interface Api {
  /** Asks for a number of instances. */
  scale(instances: number): Promise<void>
  state(): Promise<GroupState>
}

/** What carries the requests. */
export type PlimsollBalancer = 'builtin' | 'nginx'

/** A side with a state folder of its own. With the recommended drain instances get the preload. */
export async function plimsollSide(drain: Drain, via: PlimsollBalancer): Promise<Side> {
  const folder = await mkdtemp(join(tmpdir(), 'plimsoll-bench-'))
  const port = await freePort()
  const apiPort = await freePort()
  const url = new URL(`http://127.0.0.1:${port}`)
  const api = openApi(new URL(`http://127.0.0.1:${apiPort}`))
  const file = join(folder, 'plimsoll.yaml')
  const where = ['--file', file, '--state', join(folder, 'state')]
  const env = { ...process.env, SERVICE_API_KEY: KEY }
  const plimsoll = (...args: readonly string[]): Promise<string> =>
    runNode([CLI, ...args, ...where], env)

  const settle = (instances: number, gone: readonly string[] = []): Promise<void> =>
    until(`${instances} instances under Plimsoll`, async () => {
      const { desired, ready, ids } = await api.state()
      const complete = desired === instances && ready === instances && ids.length === instances
      return complete && !ids.some((id) => gone.includes(id))
    })
  const scale = async (count: number): Promise<void> => {
    await api.scale(count)
    await settle(count)
  }

  return {
    name: `Plimsoll, ${via}`,
    start: async (count) => {
      // JSON is YAML.
      await writeFile(file, JSON.stringify(specOf({ drain, via, port, apiPort })))
      await plimsoll('up', '--detach')
      await scale(count)
      await until('the application under Plimsoll', () => isServing(new URL('/healthz', url)))
      return { url }
    },
    scale,
    restart: async () => {
      const { desired, ids } = await api.state()
      await plimsoll('restart', GROUP)
      await settle(desired, ids)
    },
    stop: async () => {
      await plimsoll('down')
      await rm(folder, { recursive: true, force: true })
    },
  }
}

function specOf({ drain, via, port, apiPort }: Wanted): object {
  const preload = drain === 'recommended' ? ['--require', PRELOAD] : []
  return {
    app: 'bench',
    groups: {
      [GROUP]: {
        run: { command: [process.execPath, ...preload, APPLICATION] },
        http: {
          listen: port,
          via,
          health: '/healthz',
          balance: 'least_connections',
          max_in_flight: MAX_IN_FLIGHT,
        },
        scaling: { min_instances: MIN_INSTANCES, max_instances: MAX_INSTANCES },
      },
    },
    api: { listen: `127.0.0.1:${apiPort}` },
  }
}

function openApi(base: URL): Api {
  const call = async (method: string, path: string, body?: object): Promise<unknown> => {
    const response = await fetch(new URL(`/api/scalability/${path}`, base), {
      method,
      headers: { authorization: `Bearer ${KEY}`, 'content-type': 'application/json' },
      signal: AbortSignal.timeout(CALL_TIMEOUT_MS),
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    })
    const text = await response.text()
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`)
    return JSON.parse(text)
  }
  return {
    scale: async (instances) => {
      await call('POST', 'scale-group', { group: GROUP, action: 'set', instances })
    },
    state: async () => {
      const group = (await call('GET', `groups/${GROUP}`)) as {
        readonly desired: number
        readonly ready: number
        readonly instances: readonly { readonly id: string }[]
      }
      const { desired, ready, instances } = group
      return { desired, ready, ids: instances.map(({ id }) => id) }
    },
  }
}
