// Applications that are not Node's, without any drain code, behind NGINX: no request is lost while
// they are scaled and restarted under load.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { copyFileSync, readFileSync } from 'node:fs'
import { Agent } from 'node:http'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { runClosed } from '../../src/lab/load/closed.ts'
import type { Totals } from '../../src/lab/load/tally.ts'
import { send } from '../../src/testing/balancer/test-client.ts'
import { findProgram } from '../../tools/packages.ts'
import { ROOT, TestApplication, until } from './application.ts'

const EVENTS = 50
const IN_FLIGHT = 12
/** Requests that end between two events, at least. */
const BETWEEN = 40

const gunicorn = findProgram('gunicorn')
const go = findProgram('go')
const withoutNginx = findProgram('nginx') === undefined && 'nginx is not installed'

/** What clients got. */
interface Outcome {
  readonly totals: Totals
  /** Answers that were not 200 to POSTs with pauses between them. */
  readonly slowFailures: readonly string[]
}

/** Runs `during` under two loads: one without pauses, one of clients that think for two seconds. */
async function underLoad(
  app: TestApplication,
  during: (more: () => Promise<void>) => Promise<void>,
): Promise<Outcome> {
  const stop = new AbortController()
  let ended = 0
  const onEnd = (count: number) => {
    ended = count
  }
  const options = { target: app.url, inFlight: IN_FLIGHT, seed: 7, signal: stop.signal, onEnd }
  const running = runClosed({ ...options, faultRatio: 0, postRatio: 0.5 })
  const slowFailures: string[] = []
  // From just below to just above two seconds, and around the one second that NGINX keeps for.
  const pauses = [900, 1_000, 1_100, 1_900, 1_950, 2_000, 2_050, 2_100]
  const thinkers = pauses.map(async (ms) => {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 })
    while (!stop.signal.aborted) {
      const got = await send(app.listenPort, '/orders', { method: 'POST', body: 'x', agent })
      if (got.status !== 200) slowFailures.push(`after ${ms} ms: ${got.status} ${got.body}`)
      await sleep(ms)
    }
    agent.destroy()
  })
  try {
    await during(async () => {
      const goal = ended + BETWEEN
      await until('requests to end', 30_000, () => ended >= goal || undefined)
    })
  } finally {
    stop.abort()
    await Promise.all(thinkers)
  }
  return { totals: await running, slowFailures }
}

/** Numbers of instances to scale to, and a rolling restart after them; repeated. */
const ROW = [4, 3, 5, 2, 'restart'] as const

/** Scales and restarts, one event after the other. */
async function carryOut(app: TestApplication, events: number, more: () => Promise<void>) {
  for (let n = 0; n < events; n += 1) {
    const event = ROW[n % ROW.length] ?? 2
    if (event === 'restart') await restart(app)
    else {
      await app.scale(event)
      await app.settled(event, 60_000)
    }
    await more()
  }
}

async function restart(app: TestApplication): Promise<void> {
  const before = new Set((await app.view()).instances.map(({ id }) => id))
  await app.api('POST', `/api/scalability/groups/${app.group}/restart`, {})
  await until('all to be new', 60_000, async () => {
    const { instances } = await app.view()
    return !instances.some(({ id }) => before.has(id)) || undefined
  })
  await app.settled(undefined, 60_000)
}

function write(app: TestApplication, command: readonly string[]): void {
  app.write({
    run: `{ command: ${JSON.stringify(command)}, stop_timeout: 10s, start_timeout: 30s }`,
    http: `{ listen: "127.0.0.1:${app.listenPort}", via: nginx, health: /healthz }`,
    scaling: '{ min_instances: 2, max_instances: 6, settle: 10s }',
    // The events are many: it looks more often than by itself.
    interval: '200ms',
  })
}

function check({ totals, slowFailures }: Outcome): void {
  assert.deepEqual(totals.failures, [])
  assert.equal(totals.failed, 0)
  assert.ok(totals.requests >= EVENTS * BETWEEN, `${totals.requests}`)
  assert.deepEqual(slowFailures, [])
}

describe('applications in other languages', { skip: withoutNginx }, () => {
  const withoutGunicorn = gunicorn === undefined && 'gunicorn is not installed'
  test('Python under gunicorn, sync and gthread', { skip: withoutGunicorn }, async () => {
    const app = await TestApplication.create()
    const command = (...more: readonly string[]) => {
      const bind = ['--bind', '127.0.0.1:{port}', '--workers', '2']
      return [gunicorn ?? '', ...bind, ...more, 'app:app']
    }
    try {
      copyFileSync(join(ROOT, 'examples/python-gunicorn/app.py'), join(app.folder, 'app.py'))
      write(app, command())
      app.start()
      await app.settled(2)
      const outcome = await underLoad(app, async (more) => {
        await carryOut(app, EVENTS / 2, more)
        // A changed command is rolled through like a restart.
        write(app, command('--worker-class', 'gthread', '--threads', '4'))
        assert.equal((await app.run(['up'])).code, 0)
        await app.settled(undefined, 60_000)
        await carryOut(app, EVENTS / 2, more)
      })
      check(outcome)
    } finally {
      await app.close()
    }
  })

  const withoutGo = go === undefined && 'go is not installed'
  test('Go, which ends at once when it is told to', { skip: withoutGo }, async () => {
    const app = await TestApplication.create()
    try {
      const server = join(app.folder, 'server')
      const env = { ...process.env, GOTOOLCHAIN: 'local', GOPROXY: 'off' }
      const options = { cwd: join(ROOT, 'examples/go'), env, encoding: 'utf8' } as const
      const built = spawnSync(go ?? '', ['build', '-o', server, '.'], options)
      assert.equal(built.status, 0, built.stderr)
      write(app, [server])
      app.start()
      await app.settled(2)
      check(await underLoad(app, (more) => carryOut(app, EVENTS, more)))
    } finally {
      await app.close()
    }
  })

  // With setproctitle gunicorn writes over its environment, by which instances are known otherwise.
  test('an instance that wrote over its environment is adopted and stopped', {
    skip: withoutGunicorn,
  }, async () => {
    const app = await TestApplication.create()
    try {
      copyFileSync(join(ROOT, 'examples/python-gunicorn/app.py'), join(app.folder, 'app.py'))
      const bind = ['--bind', '127.0.0.1:{port}', '--workers', '2']
      write(app, [gunicorn ?? '', ...bind, '--name', 'x'.repeat(200), 'app:app'])
      const first = app.start()
      const { instances } = await app.settled(2)
      const pids = instances.map(({ pid }) => pid ?? 0)
      for (const pid of pids) {
        const environment = readFileSync(`/proc/${pid}/environ`, 'latin1')
        assert.ok(!environment.includes('PLIMSOLL_NONCE'), environment)
      }
      first.child.kill('SIGKILL')
      const second = app.start()
      await app.settled(2)
      assert.equal((await app.status()).adopted, 2)
      assert.deepEqual(
        (await app.view()).instances.map(({ pid }) => pid),
        pids,
      )
      await app.scale(3)
      await app.settled(3)
      await app.api('POST', `/api/scalability/groups/${app.group}/restart`, {})
      await until('the adopted ones to be gone', 60_000, () => {
        return !app.processes().some((pid) => pids.includes(pid)) || undefined
      })
      await app.settled(3)
      second.child.kill('SIGINT')
      await until('it to end', 30_000, () => second.child.exitCode ?? undefined)
      assert.deepEqual(app.processes(), [])
    } finally {
      await app.close()
    }
  })
})
