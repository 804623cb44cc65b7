// Every verb of the command line against a running application: what it prints, how it exits.
import assert from 'node:assert/strict'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import type { GroupView, StatusView } from '../../src/engine/view.ts'
import { TestApplication, until } from './application.ts'
import { documentOf, done, failedWith, type Json, listens, nothingIsLeft } from './command-line.ts'

describe('a running application', () => {
  let app: TestApplication
  let failedStart = ''
  const run = (...words: string[]) => app.run([...words, '--json'])
  before(async () => {
    app = await TestApplication.create()
  })
  after(() => app.close())

  test('nothing runs yet, and every verb says so', async () => {
    for (const words of [['status'], ['scale', app.group, '3'], ['explain'], ['down']]) {
      failedWith(await run(...words), 'E_NOT_RUNNING')
    }
    assert.equal(existsSync(app.state), false)
  })

  test('up --dry-run says what it would start, and starts nothing', async () => {
    const told = done(await run('up', '--dry-run'))
    const [group] = told.groups as Json[]
    assert.deepEqual([told.dry_run, group?.group, group?.instances], [true, app.group, 2])
    assert.equal(existsSync(app.state), false)
  })

  test('up --detach returns when everything is ready', async () => {
    const status = done(await run('up', '--detach')) as unknown as StatusView
    const [group] = status.groups
    assert.deepEqual([group?.group, group?.ready, group?.desired], [app.group, 2, 2])
    assert.equal((await fetch(app.url)).status, 200)
    assert.equal(app.processes().length, 2)
  })

  test('status shows groups, instances and readings, as text and as JSON', async () => {
    const status = done(await run('status')) as unknown as StatusView
    const group = status.groups[0] as GroupView
    assert.equal(status.app, 'test')
    assert.deepEqual(
      group.instances.map((i) => i.id),
      [`${app.group}-1`, `${app.group}-2`],
    )
    assert.deepEqual([...group.instances.map((i) => i.pid)].sort(), [...app.processes()].sort())
    const text = await app.run(['status'])
    assert.equal(text.code, 0)
    for (const part of ['2 of 2 ready (2 to 6)', `${app.group}-1`, 'healthy', 'store ok']) {
      assert.ok(text.stdout.includes(part), `${part} in ${text.stdout}`)
    }
  })

  test('scale: a dry run, a number, one more, one fewer', async () => {
    const dry = done(await run('scale', app.group, '4', '--dry-run'))
    assert.deepEqual([dry.from, dry.to, dry.dry_run, dry.tick], [2, 4, true, null])
    assert.deepEqual([(await app.view()).desired, (await app.view()).manual], [2, null])
    const set = done(await run('scale', app.group, '4', '--for', '1h'))
    assert.deepEqual([set.from, set.to, set.action], [2, 4, 'set'])
    const minutes = (Date.parse(String(set.until)) - Date.now()) / 60_000
    assert.ok(minutes > 55 && minutes <= 60, `${minutes}`)
    const more = done(await run('scale', app.group, '+1'))
    assert.deepEqual([more.from, more.to, more.action], [4, 5, 'scale-out'])
    const fewer = done(await run('scale', app.group, '-1'))
    assert.deepEqual([fewer.from, fewer.to, fewer.action], [5, 4, 'scale-in'])
    await app.settled(4)
  })

  test('replay decides again what the controller has stored so far, while it goes on', async () => {
    const told = done(await run('replay'))
    assert.deepEqual([told.identical, told.difference, told.skipped], [true, null, 0])
    assert.ok(Number(told.ticks) > 5, `${told.ticks} ticks`)
  })

  test('scale: what can not be is refused, and changes nothing', async () => {
    failedWith(await run('scale', app.group, '7'), 'E_OUT_OF_BOUNDS')
    failedWith(await run('scale', app.group, '-3'), 'E_OUT_OF_BOUNDS')
    failedWith(await run('scale', app.group, '1', '--dry-run'), 'E_OUT_OF_BOUNDS')
    failedWith(await run('scale', 'nobody', '3'), 'E_GROUP_UNKNOWN')
    for (const count of ['many', '1.5', '--3']) {
      failedWith(await run('scale', app.group, count), 'E_USAGE', 2)
    }
    const message = failedWith(await run('scale', app.group, '3', '--for', 'long'), 'E_USAGE', 2)
    assert.match(message, /--for.*a duration with its unit/)
    assert.equal((await app.view()).desired, 4)
  })

  test('hold keeps the number for a while; a dry run does not', async () => {
    const dry = done(await run('hold', app.group, '--for', '5m', '--dry-run'))
    assert.deepEqual([dry.dry_run, dry.tick], [true, null])
    assert.equal((await app.view()).hold, null)
    const held = done(await run('hold', app.group, '--for', '5m'))
    assert.equal((await app.view()).hold?.until, held.until)
    failedWith(await run('hold', 'nobody'), 'E_GROUP_UNKNOWN')
    // A number by hand ends it.
    done(await run('scale', app.group, '2'))
    await app.settled(2)
    assert.equal((await app.view()).hold, null)
  })

  test('explain: the present, the last changes, one tick', async () => {
    const [present] = done(await run('explain')) as unknown as { explanation: string[] }[]
    assert.match(present?.explanation[1] ?? '', new RegExp(`^${app.group} stays at 2: `))
    const last = done(await run('explain', app.group, '--last', '50')) as unknown as {
      tick: { id: number }
      explanation: string[]
    }[]
    const text = last.flatMap((t) => t.explanation).join('\n')
    for (const part of ['2 → 4', '4 → 5', '5 → 4', 'by api', `applied: start ${app.group}-3`]) {
      assert.ok(text.includes(part), `${part} in ${text}`)
    }
    const id = last.at(-1)?.tick.id ?? 0
    const [one] = done(await run('explain', '--tick', `${id}`)) as unknown as typeof last
    assert.equal(one?.tick.id, id)
    failedWith(await run('explain', '--tick', '999999'), 'E_TICK_UNKNOWN')
    failedWith(await run('explain', 'nobody'), 'E_GROUP_UNKNOWN')
    failedWith(await run('explain', '--last', 'all'), 'E_USAGE', 2)
  })

  test('restart rolls new processes through, and says how it went', async () => {
    const before = app.processes()
    const dry = done(await run('restart', app.group, '--dry-run'))
    assert.equal(dry.dry_run, true)
    assert.deepEqual(app.processes(), before)
    const rolled = done(await run('restart', app.group))
    assert.equal(rolled.rollout, 'done')
    const { instances } = await app.settled(2)
    assert.ok(!app.processes().some((pid) => before.includes(pid)))
    assert.ok(instances.every((i) => i.generation.endsWith('.1')))
    failedWith(await run('restart', 'nobody'), 'E_GROUP_UNKNOWN')
  })

  test('restart stops at the first failure with exit 1, and what ran goes on', async () => {
    const server = join(app.folder, 'server.js')
    const good = readFileSync(server, 'utf8')
    const before = [...app.processes()].sort()
    writeFileSync(server, `console.log('\\u001b[31mbad \\u001b]0;x\\u0007news'); process.exit(3)`)
    const ran = await run('restart', app.group)
    writeFileSync(server, good)
    assert.equal(ran.code, 1, ran.stdout)
    const rollout = String(documentOf(ran).rollout)
    failedStart = /\S+-\d+/.exec(rollout)?.[0] ?? ''
    assert.match(rollout, /^stopped: .*code 3 before it was ready.*bad news/)
    assert.deepEqual([...app.processes()].sort(), before)
    assert.equal((await fetch(app.url)).status, 200)
    const rolled = done(await run('restart', app.group))
    assert.equal(rolled.rollout, 'done')
    await app.settled(2)
  })

  test('logs: of all, of one that ended, of none that is not there', async () => {
    const all = done(await run('logs', app.group)).logs as { instance: string; lines: string[] }[]
    assert.equal(all.length, 2)
    // The one that could not start is gone, and what it said is still there, made harmless.
    const gone = done(await run('logs', app.group, failedStart))
    assert.deepEqual(gone.logs, [{ instance: failedStart, lines: ['bad news'] }])
    failedWith(await run('logs', app.group, `${app.group}-999`), 'E_INSTANCE_UNKNOWN')
    failedWith(await run('logs', app.group, '../../api-key'), 'E_INSTANCE_UNKNOWN')
    failedWith(await run('logs', 'nobody'), 'E_GROUP_UNKNOWN')
  })

  test('up again with the same file changes nothing', async () => {
    const before = app.processes()
    for (const extra of [[], ['--detach'], ['--dry-run']]) {
      const told = done(await run('up', ...extra))
      assert.deepEqual(told, { differences: [], applied: false })
    }
    assert.deepEqual(app.processes(), before)
  })

  test('up again with other bounds shows the difference and applies it without a restart', async () => {
    const before = [...app.processes()].sort()
    app.write({ scaling: '{ min_instances: 3, max_instances: 7, settle: 10s }' })
    const dry = done(await run('up', '--dry-run'))
    assert.equal(dry.applied, false)
    assert.equal((await app.view()).min_instances, 2)
    const told = done(await run('up'))
    assert.equal(told.applied, true)
    assert.deepEqual(told.differences, dry.differences)
    assert.match(JSON.stringify(told.differences), /min_instances.*"2".*"3"/)
    await until(
      'the new bounds',
      10_000,
      async () => (await app.view()).min_instances === 3 || undefined,
    )
    await app.settled(3)
    for (const pid of before) assert.ok(app.processes().includes(pid), 'an instance was restarted')
  })

  test('up again with another command rolls it through', async () => {
    const before = app.processes()
    writeFileSync(
      join(app.folder, 'next.js'),
      readFileSync(join(app.folder, 'server.js'), 'utf8').replace("'ok'", "'next'"),
    )
    const command = `[${JSON.stringify(process.execPath)}, next.js]`
    app.write({
      run: `{ command: ${command}, stop_timeout: 5s, start_timeout: 20s }`,
      scaling: '{ min_instances: 2, max_instances: 6, settle: 10s }',
    })
    const told = done(await run('up'))
    assert.match(JSON.stringify(told.differences), /next\.js/)
    await until('the roll', 30_000, async () => {
      const { instances, rollout } = await app.view()
      return (
        (rollout === 'none' && !instances.some((i) => before.includes(i.pid ?? 0))) || undefined
      )
    })
    assert.equal(await (await fetch(new URL('/healthz', app.url))).text(), 'next')
  })

  test('up again with a broken file, and the wrong one, change nothing', async () => {
    const good = readFileSync(app.file, 'utf8')
    app.writeText(`${good}\nsurprise: true\n`)
    failedWith(await run('up'), 'E_FILE_INVALID', 2)
    app.writeText(good)
    const other = join(app.folder, 'other.yaml')
    writeFileSync(other, good)
    const words = ['up', '--json', '--state', app.state, '--file', other]
    failedWith(await app.runRaw(words), 'E_STATE_IN_USE')
    failedWith(await app.run(['up', '--json', '--', 'node', 'server.js']), 'E_STATE_IN_USE')
    assert.equal((await app.view()).rollout, 'none')
  })

  test('a wrong key is refused', async () => {
    const ran = await app.run(['status', '--json'], { SERVICE_API_KEY: 'wrong' })
    failedWith(ran, 'E_KEY_WRONG')
  })

  test('down with a dry run stops nothing; down stops all of it, though the controller is dead', async () => {
    done(await run('down', '--dry-run'))
    assert.ok(app.processes().length >= 2)
    const { pid } = JSON.parse(readFileSync(join(app.state, 'controller.json'), 'utf8')) as {
      pid: number
    }
    process.kill(pid, 'SIGKILL')
    await until('the controller to be gone', 5_000, async () => {
      return (await listens(app.apiPort)) ? undefined : true
    })
    failedWith(await run('status'), 'E_NOT_RUNNING')
    assert.deepEqual(done(await run('down')), { stopped: true })
    await nothingIsLeft(app)
  })

  test('down once more starts nothing to stop it', async () => {
    const started = () => readFileSync(join(app.state, 'balancer.log'), 'utf8')
    const logs = started()
    const seen = new Set<number>()
    const watch = setInterval(() => {
      for (const pid of app.processes()) seen.add(pid)
    }, 20)
    assert.deepEqual(done(await run('down')), { stopped: true })
    clearInterval(watch)
    assert.deepEqual([...seen], [], 'instances were started')
    assert.equal(started(), logs, 'a balancer was started')
    await nothingIsLeft(app)
  })
})
