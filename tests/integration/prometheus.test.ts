// Groups of local processes that a real Prometheus scrapes, sized by what it answers; and
// Plimsoll's own metrics, scraped by the same one.
import assert from 'node:assert/strict'
import { mkdirSync, writeFileSync } from 'node:fs'
import { Agent, get } from 'node:http'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import type { GroupView } from '../../src/engine/view.ts'
import { KEY, TestApplication, until } from './application.ts'
import { missing, promtool, TestPrometheus } from './prometheus-server.ts'

/** Serves, computes for as long as it is told, is measured, and makes itself known. */
const SERVER = `
const fs = require('node:fs')
const http = require('node:http')
const { PORT, HOST, TARGETS } = process.env
let requests = 0
const cpuMs = () => { const { user, system } = process.cpuUsage(); return (user + system) / 1e3 }
const server = http.createServer((request, response) => {
  if (request.url === '/healthz') return response.end('ok')
  if (request.url === '/metrics') {
    return response.end('# TYPE http_requests_total counter\\nhttp_requests_total ' + requests +
      '\\n# TYPE process_cpu_seconds_total counter\\nprocess_cpu_seconds_total ' + cpuMs() / 1e3 + '\\n')
  }
  requests += 1
  const end = cpuMs() + Number(request.headers['x-busy-ms'] ?? 0)
  while (cpuMs() < end);
  response.end('ok')
})
const file = TARGETS + '/' + PORT + '.json'
server.listen(Number(PORT), HOST, () => {
  fs.writeFileSync(file + '.new', JSON.stringify([{ targets: ['127.0.0.1:' + PORT] }]))
  fs.renameSync(file + '.new', file)
})
process.on('SIGTERM', () => { fs.rmSync(file, { force: true }); process.exit(0) })
`

/** Asks at a steady rate until it is told another one; 0 ends it. */
class Load {
  readonly #url: URL
  readonly #headers: Record<string, string>
  readonly #agent = new Agent({ keepAlive: true })
  #timer: NodeJS.Timeout | undefined

  constructor(url: URL, busyMs: number) {
    this.#url = url
    this.#headers = { 'x-busy-ms': String(busyMs) }
  }

  rate(perSecond: number): void {
    clearInterval(this.#timer)
    this.#timer = undefined
    if (perSecond > 0) this.#timer = setInterval(() => this.#ask(), 1_000 / perSecond)
    else this.#agent.destroy()
  }

  #ask(): void {
    const asked = get(this.#url, { agent: this.#agent, headers: this.#headers }, (r) => r.resume())
    // Failures are not what is looked at here.
    asked.on('error', () => {})
  }
}

describe('scaled by Prometheus', { skip: missing }, () => {
  let prometheus: TestPrometheus
  const apps: TestApplication[] = []
  const loads: Load[] = []

  /** An application of one group, whose instances are scraped as \`job\`. */
  async function application(job: string, ...lines: readonly string[]): Promise<TestApplication> {
    const app = await TestApplication.create()
    apps.push(app)
    const targets = join(prometheus.targets, job)
    writeFileSync(join(app.folder, 'server.js'), SERVER)
    app.writeText(
      [
        'app: test',
        'groups:',
        `  ${app.group}:`,
        `    run: { command: [${JSON.stringify(process.execPath)}, server.js], env: { TARGETS: ${JSON.stringify(targets)} } }`,
        `    http: { listen: "127.0.0.1:${app.listenPort}", health: /healthz, via: builtin }`,
        `    labels: { job: ${job} }`,
        ...lines.map((line) => `    ${line}`),
        `metrics: { prometheus: "${prometheus.url}" }`,
        `api: { listen: "127.0.0.1:${app.apiPort}" }`,
      ].join('\n'),
    )
    return app
  }

  function load(app: TestApplication, busyMs = 0): Load {
    const made = new Load(app.url, busyMs)
    loads.push(made)
    return made
  }

  before(async () => {
    prometheus = await TestPrometheus.create()
    // Prometheus watches the folders that are there when it starts.
    for (const job of ['shop', 'busy']) mkdirSync(join(prometheus.targets, job))
  })
  after(async () => {
    for (const each of loads) each.rate(0)
    for (const app of apps) await app.close()
    await prometheus.close()
  })

  test('by a query, held while Prometheus is away, and resumed', async () => {
    const app = await application(
      'shop',
      'scaling: { min_instances: 1, max_instances: 4, settle: 2s, cooldown: 1s }',
      "signals: [{ query: 'sum(rate(http_requests_total{$labels}[4s]))', target: 10, name: visits }]",
    )
    const scraped = (job: string) => {
      return `  - { job_name: ${job}, file_sd_configs: [{ files: ["${prometheus.targets}/${job}/*.json"] }] }`
    }
    prometheus.configure(
      scraped('shop'),
      scraped('busy'),
      `  - { job_name: plimsoll, authorization: { credentials: ${KEY} }, static_configs: [{ targets: ["127.0.0.1:${app.apiPort}"] }] }`,
    )
    // It is not there yet: that is a warning, and keeps nothing from starting.
    const up = await app.run(['up', '--detach'])
    assert.equal(up.code, 0, up.stderr)
    assert.match(up.stderr, new RegExp(`^warning: ${prometheus.url} can't be reached`, 'm'))
    await prometheus.start()

    const visits = load(app)
    visits.rate(25)
    const three = await until('three instances for 25 a second', 20_000, () => atLeast(app, 3))
    assert.match(JSON.stringify(three.readings['query.visits']), /"value":\d+/)

    // In the middle of the spike it goes away, and the load goes down unseen.
    visits.rate(30)
    await prometheus.stop()
    await until('the reading to be missing', 5_000, async () => {
      return (await app.view()).readings['query.visits']?.missing?.includes("can't be reached")
    })
    const { desired } = await app.view()
    visits.rate(1)
    const lastTick = (await app.status()).tick ?? 0
    // Longer than settle: whoever took missing for little would scale in now.
    await until('more ticks', 15_000, async () => ((await app.status()).tick ?? 0) >= lastTick + 4)
    const held = await app.view()
    assert.equal(held.desired, desired)
    const explained = await app.run(['explain', app.group])
    assert.match(explained.stdout, /query\.visits abstains: no reading: .*can't be reached/)
    assert.match(explained.stdout, /query visits.* missing \(.*can't be reached/)

    // Back again, it is obeyed again.
    visits.rate(60)
    await prometheus.start()
    await until('four instances for 60 a second', 20_000, () => atLeast(app, 4))
    visits.rate(5)
  })

  test("Plimsoll's own metrics keep to the conventions, and are scraped", async () => {
    const [app] = apps
    assert.ok(app !== undefined)
    const { body } = await app.api('GET', '/metrics')
    const checked = promtool(['check', 'metrics'], String(body))
    assert.deepEqual(checked, { ok: true, said: '' })
    // The check can fail.
    assert.equal(promtool(['check', 'metrics'], 'requests_total_ms 1\n').ok, false)
    const { desired } = await app.view()
    await until('Plimsoll to be scraped', 10_000, async () => {
      const [seen] = await prometheus.ask(`plimsoll_instances_desired{group="${app.group}"}`)
      return seen !== undefined && Math.abs(seen - desired) <= 1
    })
  })

  test('by nothing but a threshold and labels: CPU is what Prometheus says', async () => {
    const app = await application(
      'busy',
      // Little, so that it is to be had where others fill the machine.
      'scaling: { min_instances: 1, max_instances: 3, threshold: 10, cooldown: 1s }',
    )
    const up = await app.run(['up', '--detach'])
    assert.equal(up.code, 0, up.stderr)
    assert.equal(up.stderr, '')
    await until('CPU to be read', 20_000, async () => {
      return (await app.view()).readings['query.cpu']?.value !== undefined || undefined
    })
    assert.equal((await app.view()).desired, 1)
    load(app, 6).rate(32)
    const two = await until('a second instance', 30_000, () => atLeast(app, 2))
    assert.ok((two.readings['query.cpu']?.value ?? 0) > 11, JSON.stringify(two.readings))
    const explained = await app.run(['explain', app.group, '--last', '30'])
    assert.match(explained.stdout, /1 → \d: \d+(\.\d)? percent of a core/)
  })
})

async function atLeast(app: TestApplication, instances: number): Promise<GroupView | undefined> {
  const view = await app.view()
  return view.desired >= instances && view.ready >= instances ? view : undefined
}
