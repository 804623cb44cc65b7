// A real application under a real controller, for the integration suites: started, asked, killed,
// cleaned up.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import type { GroupView, StatusView } from '../../src/engine/view.ts'
import { freePort } from '../../src/lab/free-port.ts'

/** The folder of the project. */
export const ROOT = fileURLToPath(new URL('../../', import.meta.url))
const CLI = join(ROOT, 'src/cli/main.ts')
/** Saves the many short runs of the command line a third of their time. */
const COMPILE_CACHE = join(ROOT, 'node_modules', '.cache', 'plimsoll-tests')
/** The API key of every test application. */
export const KEY = 'test-key'

/** A server with handlers of 0 to 30 ms, faults on demand, and a slow start on demand. */
export const SERVER = `
const http = require('node:http')
const server = http.createServer((request, response) => {
  if (request.url === '/healthz') return response.end('ok')
  const fault = request.headers['x-fault']
  if (fault === 'reset') return void setTimeout(() => request.socket.destroy(), 5)
  let size = 0
  request.on('data', (d) => { size += d.length })
  request.on('end', () => {
    setTimeout(() => response.end(JSON.stringify({ size, instance: process.env.PLIMSOLL_INSTANCE })), Math.random() * 30 + (fault === 'late' ? 200 : 0))
  })
})
const boot = Number(process.env.BOOT_MS ?? 0)
setTimeout(() => server.listen(Number(process.env.PORT), process.env.HOST), boot)
`

/** An answer of the API; tests say what they expect of its body. */
export interface ApiAnswer {
  readonly status: number
  readonly body: unknown
}

/** A verb that goes on running. */
export interface Started {
  readonly child: ChildProcess
  /** Everything it printed so far. */
  output(): string
}

/** A verb that ended; `code` is null where a signal ended it. */
export interface Ran {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

/** One application in a temporary folder with free ports; `close` leaves nothing behind. */
export class TestApplication {
  readonly folder = mkdtempSync(join(tmpdir(), 'plimsoll-test-'))
  readonly state = join(this.folder, 'state')
  readonly file = join(this.folder, 'plimsoll.yaml')
  /** Unique, so that its processes can be told from everybody else's. */
  readonly group = `web${process.pid}x${Math.floor(Math.random() * 1e6)}`
  readonly listenPort: number
  readonly apiPort: number
  readonly #children: ChildProcess[] = []

  private constructor(listenPort: number, apiPort: number) {
    this.listenPort = listenPort
    this.apiPort = apiPort
    writeFileSync(join(this.folder, 'server.js'), SERVER)
    this.write()
  }

  static async create(): Promise<TestApplication> {
    return new TestApplication(await freePort(), await freePort())
  }

  get url(): URL {
    return new URL(`http://127.0.0.1:${this.listenPort}`)
  }

  /** Writes plimsoll.yaml; what is given replaces lines of the group. */
  write(
    change: {
      run?: string
      http?: string
      scaling?: string
      groups?: string
      interval?: string
    } = {},
  ): void {
    const lines = [
      'app: test',
      `interval: ${change.interval ?? '1s'}`,
      'groups:',
      `  ${this.group}:`,
      `    run: ${change.run ?? `{ command: [${JSON.stringify(process.execPath)}, server.js], stop_timeout: 5s, start_timeout: 20s }`}`,
      `    http: ${change.http ?? `{ listen: "127.0.0.1:${this.listenPort}", health: /healthz, via: builtin }`}`,
      `    scaling: ${change.scaling ?? '{ min_instances: 2, max_instances: 6, settle: 10s }'}`,
      change.groups ?? '',
      `api: { listen: "127.0.0.1:${this.apiPort}" }`,
    ]
    writeFileSync(this.file, lines.join('\n'))
  }

  /** Writes plimsoll.yaml as given. */
  writeText(text: string): void {
    writeFileSync(this.file, text)
  }

  /** Another port that is free now. */
  anotherPort(): Promise<number> {
    return freePort()
  }

  /** Starts `up` in the foreground, or another entry with the same words. */
  start(entry = CLI, extra: readonly string[] = []): Started {
    const args = [entry, 'up', '--file', this.file, '--state', this.state, ...extra]
    const child = spawn(process.execPath, args, { cwd: this.folder, env: this.#env() })
    this.#children.push(child)
    let said = ''
    child.stdout.on('data', (d) => {
      said += d
    })
    child.stderr.on('data', (d) => {
      said += d
    })
    return { child, output: () => said }
  }

  /** Runs a verb to its end, for this file and this state folder. */
  run(words: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Ran> {
    const place = words[0] === 'init' ? [] : ['--file', this.file, '--state', this.state]
    const at = words.indexOf('--')
    const args =
      at < 0
        ? [...words, ...place]
        : [...words.slice(0, at), '--state', this.state, ...words.slice(at)]
    return this.runRaw(args, this.folder, env)
  }

  /** Runs the command line with these words and no others. */
  async runRaw(
    words: readonly string[],
    cwd = this.folder,
    env: NodeJS.ProcessEnv = {},
  ): Promise<Ran> {
    const child = spawn(process.execPath, [CLI, ...words], {
      cwd,
      env: { ...this.#env(), NODE_COMPILE_CACHE: COMPILE_CACHE, ...env },
    })
    let stdout = ''
    let stderr = ''
    child.stdout.on('data', (d) => {
      stdout += d
    })
    child.stderr.on('data', (d) => {
      stderr += d
    })
    const [code] = (await once(child, 'close')) as [number | null]
    return { code, stdout, stderr }
  }

  /** A call to the API. */
  async api(
    method: string,
    path: string,
    body?: unknown,
    headers: Record<string, string> = {},
  ): Promise<ApiAnswer> {
    const response = await fetch(`http://127.0.0.1:${this.apiPort}${path}`, {
      method,
      headers: {
        authorization: `Bearer ${KEY}`,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body === undefined
        ? {}
        : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
      signal: AbortSignal.timeout(10_000),
    })
    const text = await response.text()
    return { status: response.status, body: text.startsWith('{') ? JSON.parse(text) : text }
  }

  async status(): Promise<StatusView> {
    return (await this.api('GET', '/api/scalability/status')).body as StatusView
  }

  async view(): Promise<GroupView> {
    return (await this.api('GET', `/api/scalability/groups/${this.group}`)).body as GroupView
  }

  /** Sets the number of instances by hand. */
  async scale(instances: number): Promise<void> {
    const body = { group: this.group, action: 'set', instances }
    const answer = await this.api('POST', '/api/scalability/scale-group', body)
    if (answer.status !== 200) throw new Error(JSON.stringify(answer.body))
  }

  /** Waits until exactly as many serve as should, and nothing else is there. */
  async settled(instances?: number, ms = 30_000): Promise<GroupView> {
    return until(`${instances ?? 'all'} settled`, ms, async () => {
      const view = await this.view().catch(() => undefined)
      if (view === undefined) return undefined
      const rest = view.ready === view.desired && view.instances.length === view.desired
      const running = this.processes().length === view.desired
      const right = instances === undefined || view.desired === instances
      return rest && running && right && view.rollout === 'none' ? view : undefined
    })
  }

  /** Pids of the instances' session leaders, from the kernel, not from the controller. */
  processes(): readonly number[] {
    return readdirSync('/proc')
      .filter((n) => /^\d+$/.test(n))
      .map(Number)
      .filter((pid) => {
        try {
          const environment = readFileSync(`/proc/${pid}/environ`, 'latin1').split('\0')
          const session = readFileSync(`/proc/${pid}/stat`, 'latin1')
            .replace(/^.*\) /, '')
            .split(' ')
          if (session[0] === 'Z' || Number(session[3]) !== pid) return false
          if (environment.includes(`PLIMSOLL_GROUP=${this.group}`)) return true
          // Some write over their environment; their log is still what they write to.
          return readlinkSync(`/proc/${pid}/fd/1`).startsWith(join(this.state, 'logs/'))
        } catch {
          // It ended while it was looked at.
          return false
        }
      })
  }

  /** Ends everything, by the ids it got. */
  async close(): Promise<void> {
    for (const child of this.#children)
      if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL')
    const down = await this.run(['down'])
    for (const pid of this.processes()) process.kill(pid, 'SIGKILL')
    rmSync(this.folder, { recursive: true, force: true })
    if (down.code !== 0 && !down.stderr.includes('E_NOT_RUNNING'))
      throw new Error(`down failed: ${down.stderr}`)
  }

  #env(): NodeJS.ProcessEnv {
    const { NODE_TEST_CONTEXT: _, ...env } = process.env
    return { ...env, SERVICE_API_KEY: KEY }
  }
}

/** Polls until `look` gives something; fails with what was waited for. */
export async function until<T>(
  what: string,
  ms: number,
  look: () => Promise<T | undefined> | T | undefined,
): Promise<T> {
  const end = performance.now() + ms
  for (;;) {
    const found = await look()
    if (found !== undefined && found !== false) return found
    if (performance.now() > end) throw new Error(`waited ${ms} ms for ${what}`)
    await sleep(50)
  }
}
