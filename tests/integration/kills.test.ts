// The controller killed at thirty seeded moments under load: nothing is lost, doubled or orphaned.
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { runLoad } from '../../src/lab/load/open.ts'
import { seeded } from '../../src/lab/random.ts'
import { ROOT, TestApplication, until } from './application.ts'

const KILLS = 30
const FAULTY = join(ROOT, 'tests/integration/faulty-controller.ts')
const MOMENTS = [
  'planned',
  'before start',
  'after start',
  'before drain',
  'after drain',
  'before stop',
  'after stop',
  'before forget',
  'before configure',
  'after configure',
  'before finish',
  'during boot',
  'some time',
]
/** A restarted controller must have adopted what runs within this time. */
const ADOPTED_MS = 5_000

let app: TestApplication
before(async () => {
  app = await TestApplication.create()
  const command = `[${JSON.stringify(process.execPath)}, server.js]`
  // Booting takes a while, so that there is something to die in.
  app.write({ run: `{ command: ${command}, env: { BOOT_MS: "400" }, stop_timeout: 5s }` })
})
after(() => app.close())

test(`the controller killed at ${KILLS} seeded moments: 0 failed, no orphan, no duplicate`, async (t) => {
  const random = seeded(20_261)
  let controller = app.start()
  await app.settled(2)
  const over = new AbortController()
  const profile = [{ seconds: 600, rps: 100 }]
  let failed = 0
  const met = new Set<string>()
  const load = runLoad({
    target: app.url,
    profile,
    seed: 7,
    signal: over.signal,
    onSecond: (s) => {
      failed += s.failed
    },
  })
  try {
    controller.child.kill('SIGKILL')
    for (let k = 0; k < KILLS; k++) {
      const moment = MOMENTS[k % MOMENTS.length] ?? ''
      const count = isOften(moment) ? `${1 + Math.floor(random() * 2)}` : '1'
      const running = app.processes()
      const began = performance.now()
      controller = app.start(FAULTY, [moment, count])
      const died = new Promise((resolve) => controller.child.once('exit', resolve))
      const status = await until(`adoption before kill ${k}`, ADOPTED_MS, async () => {
        if (controller.child.signalCode !== null) return 'dead' as const
        return app.status().catch(() => undefined)
      })
      // It may meet its moment while it still tidies up after the last one.
      if (status !== 'dead') {
        assert.ok(performance.now() - began < ADOPTED_MS)
        // What was told to stop may end while it is looked for; what still lives was adopted.
        const survivors = app.processes().filter((pid) => running.includes(pid)).length
        const told = `kill ${k}: ${status.adopted} adopted`
        assert.ok(status.adopted >= survivors && status.adopted <= running.length, told)
        await disturb(moment, random()).catch(() => undefined)
      }
      await Promise.race([
        died,
        until('the moment', waitMs(moment, random()), () => undefined).catch(() => undefined),
      ])
      if (controller.child.signalCode !== null) met.add(moment)
      controller.child.kill('SIGKILL')
      await died
      t.diagnostic(`kill ${k}: ${moment} ${count}, failed so far ${failed}`)
    }
    controller = app.start()
    await app.settled()
    const view = await app.view()
    const pids = view.instances.map((i) => i.pid).sort()
    assert.deepEqual(pids, [...app.processes()].sort())
  } finally {
    over.abort()
  }
  const result = await load
  // A moment that is never met would test nothing.
  assert.deepEqual([...met].sort(), MOMENTS.filter((m) => m !== 'some time').sort())
  assert.equal(result.failed, 0, JSON.stringify({ ...result.reasons, failures: result.failures }))
  assert.ok(result.requests > 1_500, `${result.requests} requests`)
})

// These come several times in every change.
function isOften(moment: string): boolean {
  return /planned|configure|finish/.test(moment)
}

// A named moment comes when it comes; some time is any time.
function waitMs(moment: string, chance: number): number {
  return moment === 'some time' ? 500 + chance * 2_000 : 12_000
}

// Something for the controller to do that leads to the moment it dies in.
async function disturb(moment: string, chance: number): Promise<void> {
  const { desired } = await app.view()
  if (/start|boot/.test(moment) && desired < 5) return app.scale(desired + 1)
  if (/drain|stop|forget/.test(moment) && desired > 2) return app.scale(desired - 1)
  if (isOften(moment) && chance < 0.5) return app.scale(desired < 4 ? desired + 1 : desired - 2)
  // A restart has all of them: one more starts, one drains, stops and is forgotten.
  await app.api('POST', `/api/scalability/groups/${app.group}/restart`, {})
}
