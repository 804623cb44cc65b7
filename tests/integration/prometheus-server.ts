// For tests: a real Prometheus in a temporary folder on a free port, and an exporter for it.
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePort } from '../../src/lab/free-port.ts'
import { findProgram } from '../../tools/packages.ts'
import { until } from './application.ts'

const PROGRAM = findProgram('prometheus')
const PROMTOOL = findProgram('promtool')

/** Why these tests are skipped; false where Prometheus and promtool are there. */
export const missing: string | false =
  (PROGRAM === undefined || PROMTOOL === undefined) && 'prometheus is not installed'

/** What `promtool` says on the words given to it, and how it ended. */
export function promtool(words: readonly string[], input = ''): { ok: boolean; said: string } {
  try {
    const options = { input, encoding: 'utf8', stdio: 'pipe', timeout: 60_000 } as const
    return { ok: true, said: execFileSync(PROMTOOL ?? '', words, options) }
  } catch (error) {
    const { stdout = '', stderr = '' } = error as { stdout?: string; stderr?: string }
    return { ok: false, said: `${stdout}${stderr}` }
  }
}

/** A server that can be stopped and started again with what it has kept; scrapes every second. */
export class TestPrometheus {
  readonly folder = mkdtempSync(join(tmpdir(), 'plimsoll-prometheus-'))
  /** Holds `*.json` files with targets, found by themselves; name them in the job of that name. */
  readonly targets = join(this.folder, 'targets')
  readonly data = join(this.folder, 'data')
  readonly port: number
  #child: ChildProcess | undefined
  #said = ''

  private constructor(port: number) {
    this.port = port
    mkdirSync(this.targets)
  }

  static async create(): Promise<TestPrometheus> {
    return new TestPrometheus(await freePort())
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`
  }

  /** Writes the jobs to scrape, as lines of YAML below `scrape_configs`. */
  configure(...jobs: readonly string[]): void {
    const text = ['global: { scrape_interval: 1s, scrape_timeout: 1s }', 'scrape_configs:', ...jobs]
    writeFileSync(join(this.folder, 'prometheus.yml'), text.join('\n'))
  }

  async start(): Promise<void> {
    const words = [
      `--config.file=${join(this.folder, 'prometheus.yml')}`,
      `--storage.tsdb.path=${this.data}`,
      '--storage.tsdb.retention.time=60d',
      `--web.listen-address=127.0.0.1:${this.port}`,
    ]
    const child = spawn(PROGRAM ?? '', words, { stdio: ['ignore', 'ignore', 'pipe'] })
    child.stderr.on('data', (d) => {
      this.#said = `${this.#said}${d}`.slice(-4_000)
    })
    this.#child = child
    await until('Prometheus to be ready', 20_000, async () => {
      if (child.exitCode !== null) throw new Error(`Prometheus ended: ${this.#said}`)
      const ready = await fetch(`${this.url}/-/ready`).catch(() => undefined)
      return ready?.ok || undefined
    })
  }

  /** Ends it; what it kept stays. */
  async stop(): Promise<void> {
    const child = this.#child
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return
    const ended = once(child, 'exit')
    child.kill('SIGTERM')
    await ended
  }

  async close(): Promise<void> {
    await this.stop()
    rmSync(this.folder, { recursive: true, force: true })
  }

  /** The values of a query by Prometheus itself, without Plimsoll. */
  async ask(query: string): Promise<readonly number[]> {
    const url = `${this.url}/api/v1/query?query=${encodeURIComponent(query)}`
    const body = (await (await fetch(url)).json()) as {
      data?: { result?: { value: [number, string] }[] }
      error?: string
    }
    if (body.data?.result === undefined) throw new Error(`${query}: ${body.error}`)
    return body.data.result.map((r) => Number(r.value[1]))
  }
}

/** An exporter in this process; `text` makes what it answers, absent for 503. */
export class TestExporter {
  text: (() => string) | undefined
  readonly #server: Server

  private constructor(server: Server) {
    this.#server = server
  }

  static async create(): Promise<TestExporter> {
    const server = createServer((_request, response) => {
      response.statusCode = exporter.text === undefined ? 503 : 200
      response.end(exporter.text?.() ?? '')
    })
    const exporter = new TestExporter(server)
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    return exporter
  }

  get address(): string {
    return `127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections()
    this.#server.close()
    await once(this.#server, 'close')
  }
}
