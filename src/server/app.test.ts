// What the HTTP API does when it is asked well, and when it is asked for too much.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { API, apiOfEachTest, refusedWith, specification } from '../../tests/simulation/api.ts'

const SCALE = { group: 'my-group', action: 'scale-out', instances: 2 }
const api = apiOfEachTest()

describe('scale-group', () => {
  test("the mission's call, word for word", async () => {
    const payload = '{"group":"my-group","action":"scale-out","instances":2}'
    const got = await api().post('/scale-group', payload)
    assert.equal(got.status, 200, got.text)
    const { tick, until, reason, ...rest } = got.body
    const asked = { group: 'my-group', action: 'scale-out', instances: 2 }
    assert.deepEqual(rest, { ...asked, from: 2, to: 4, dry_run: false })
    assert.ok(Number.isInteger(tick))
    const leftMs = Date.parse(String(until)) - api().world.clock.now()
    assert.ok(leftMs > 10 * 60_000 && leftMs <= 15 * 60_000, `${leftMs}`)
    assert.match(String(reason), /set to 4 by api/)
    await api().settled(4)
  })

  test('scale-in and set; `for` says how long it holds', async () => {
    await api().post('/scale-group', { ...SCALE, action: 'set', instances: 5 })
    await api().settled(5)
    const got = await api().post('/scale-group', {
      ...SCALE,
      action: 'scale-in',
      instances: 1,
      for: '2h',
    })
    assert.deepEqual([got.body.from, got.body.to], [5, 4])
    const leftMs = Date.parse(String(got.body.until)) - api().world.clock.now()
    assert.ok(leftMs > 100 * 60_000 && leftMs <= 120 * 60_000, `${leftMs}`)
  })

  test('two at the same time both count', async () => {
    const both = await Promise.all([
      api().post('/scale-group', SCALE),
      api().post('/scale-group', SCALE),
    ])
    assert.deepEqual(
      both.map((g) => g.status),
      [200, 200],
    )
    await api().settled(6)
  })

  test('dry_run says what would be, and changes nothing', async () => {
    const got = await api().post('/scale-group', { ...SCALE, dry_run: true })
    assert.deepEqual([got.status, got.body.from, got.body.to], [200, 2, 4])
    assert.deepEqual([got.body.dry_run, got.body.until, got.body.tick], [true, null, null])
    assert.equal(api().controller.state.memory.groups['my-group']?.manual, undefined)
    assert.equal(api().desired, 2)
    refusedWith(
      await api().post('/scale-group', { ...SCALE, instances: 50, dry_run: true }),
      'E_OUT_OF_BOUNDS',
    )
  })

  test('what the file or the budget forbids is refused, and changes nothing', async () => {
    refusedWith(await api().post('/scale-group', { ...SCALE, group: 'nobody' }), 'E_GROUP_UNKNOWN')
    refusedWith(await api().post('/scale-group', { ...SCALE, instances: 7 }), 'E_OUT_OF_BOUNDS')
    refusedWith(
      await api().post('/scale-group', { ...SCALE, action: 'set', instances: 0 }),
      'E_OUT_OF_BOUNDS',
    )
    refusedWith(
      await api().post('/scale-group', { ...SCALE, action: 'set', instances: 7 }),
      'E_BUDGET',
    )
    assert.equal(api().desired, 2)
  })

  test('a body that is not the one described is refused, and every problem named', async () => {
    const bad: readonly unknown[] = [
      { ...SCALE, instances: -1 },
      { ...SCALE, instances: 1.5 },
      { ...SCALE, instances: '2' },
      { ...SCALE, instances: null },
      { ...SCALE, instances: 1e300 },
      { ...SCALE, action: 'scale-up' },
      { ...SCALE, group: '' },
      { ...SCALE, group: ['my-group'] },
      { ...SCALE, extra: true },
      { ...SCALE, dry_run: 'yes' },
      { ...SCALE, for: '15' },
      { ...SCALE, for: 900 },
      { ...SCALE, for: '-5m' },
      {},
      [],
      null,
      7,
      'text',
      '{"group":"my-group","action":"scale-out","instances":NaN}',
      '{"group":"my-group"',
      '',
      '{"__proto__":{"dry_run":true},"group":"my-group","action":"scale-out","instances":2}',
    ]
    for (const body of bad) refusedWith(await api().post('/scale-group', body), 'E_BODY_INVALID')
    const two = await api().post('/scale-group', { instances: -1, action: 'x', surprise: 1 })
    for (const part of ['instances', 'action', 'group', 'surprise']) {
      assert.match(two.text, new RegExp(part))
    }
    assert.equal(api().desired, 2)
  })

  test('a body that is too big, or not said to be JSON, is refused', async () => {
    refusedWith(await api().post('/scale-group', ' '.repeat(70_000)), 'E_BODY_TOO_LARGE')
    const text = JSON.stringify(SCALE)
    for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data']) {
      refusedWith(
        await api().post('/scale-group', text, { 'content-type': type }),
        'E_CONTENT_TYPE',
      )
    }
    const headers = { 'content-type': 'application/json; charset=utf-8' }
    assert.equal((await api().post('/scale-group', text, headers)).status, 200)
  })
})

describe('Idempotency-Key', () => {
  const once = { 'idempotency-key': 'one' }

  test('the same request twice is carried out once and answered alike', async () => {
    const first = await api().post('/scale-group', SCALE, once)
    await api().settled(4)
    const again = await api().post('/scale-group', SCALE, once)
    assert.deepEqual(again.body, first.body)
    assert.equal(api().desired, 4)
    await api().post('/scale-group', SCALE, { 'idempotency-key': 'two' })
    await api().settled(6)
  })

  test('twins at the same time are one', async () => {
    const all = await Promise.all([1, 2, 3].map(() => api().post('/scale-group', SCALE, once)))
    assert.equal(new Set(all.map((g) => g.text)).size, 1)
    await api().settled(4)
  })

  test('another request under the same key is refused', async () => {
    await api().post('/scale-group', SCALE, once)
    const other = { ...SCALE, instances: 1 }
    refusedWith(await api().post('/scale-group', other, once), 'E_KEY_REUSED')
    refusedWith(await api().post('/groups/my-group/restart', {}, once), 'E_KEY_REUSED')
    assert.equal(api().desired, 4)
  })

  test('a refusal is kept as well', async () => {
    const refused = await api().post('/scale-group', { ...SCALE, instances: 50 }, once)
    const again = await api().post('/scale-group', { ...SCALE, instances: 50 }, once)
    assert.deepEqual([again.status, again.text], [refused.status, refused.text])
  })

  test('long keys are not mistaken for each other', async () => {
    const one = { ...SCALE, instances: 1 }
    for (const [end, to] of [
      ['a', 3],
      ['b', 4],
    ] as const) {
      const got = await api().post('/scale-group', one, {
        'idempotency-key': 'k'.repeat(300) + end,
      })
      assert.equal(got.body.to, to)
    }
  })
})

describe('hold, restart, reload, shutdown', () => {
  test('hold keeps the number, for 15 minutes or as long as said', async () => {
    const got = await api().post('/groups/my-group/hold', {})
    assert.equal(got.status, 200, got.text)
    assert.ok(Number.isInteger(got.body.tick))
    const held = api().controller.state.memory.groups['my-group']?.hold
    assert.equal(held?.by, 'api')
    assert.equal(new Date(held?.untilMs ?? 0).toISOString(), got.body.until)
    refusedWith(await api().post('/groups/my-group/hold', { for: 'long' }), 'E_BODY_INVALID')
    refusedWith(await api().post('/groups/nobody/hold', {}), 'E_GROUP_UNKNOWN')
  })

  test('restart raises the generation; without a body too', async () => {
    assert.equal((await api().post('/groups/my-group/restart', {})).status, 200)
    assert.equal(api().controller.state.memory.groups['my-group']?.restarts, 1)
    const bare = await api().call({ method: 'POST', url: `${API}/groups/my-group/restart` })
    assert.equal(bare.status, 200, bare.text)
    refusedWith(await api().post('/groups/nobody/restart', {}), 'E_GROUP_UNKNOWN')
    refusedWith(await api().post('/groups/my-group/restart', { for: '5m' }), 'E_BODY_INVALID')
  })

  test('a dry run of each changes nothing', async () => {
    const before = JSON.stringify(api().controller.state.memory.groups['my-group']?.restarts)
    api().nextSpec = { ...specification(), hash: 'other' }
    for (const path of ['/groups/my-group/hold', '/groups/my-group/restart', '/reload']) {
      assert.equal((await api().post(path, { dry_run: true })).status, 200, path)
    }
    assert.deepEqual((await api().post('/shutdown', { dry_run: true })).body, {
      stopping: false,
      dry_run: true,
    })
    assert.equal(JSON.stringify(api().controller.state.memory.groups['my-group']?.restarts), before)
    assert.equal(api().controller.state.memory.groups['my-group']?.hold, undefined)
    assert.equal(api().controller.state.spec.hash, 'spec')
    assert.equal(api().shutdowns, 0)
  })

  test('reload applies what is different; shutdown is asked for once', async () => {
    api().nextSpec = { ...specification(), hash: 'other' }
    const got = await api().post('/reload', {})
    assert.deepEqual(got.body, {
      differences: [{ path: 'app', from: 'a', to: 'b' }],
      applied: true,
    })
    assert.equal(api().controller.state.spec.hash, 'other')
    const stop = await api().post('/shutdown', {})
    assert.deepEqual([stop.status, stop.body.stopping, api().shutdowns], [202, true, 1])
  })
})

describe('reading', () => {
  test('status, groups and one group are the same view', async () => {
    const { body } = await api().get(`${API}/groups/my-group`)
    assert.deepEqual([body.group, body.desired, body.ready], ['my-group', 2, 2])
    assert.deepEqual([body.min_instances, body.max_instances, body.mode], [2, 8, 'enforce'])
    const groups = (await api().get(`${API}/groups`)).body.groups as { group: string }[]
    assert.deepEqual(
      groups.map((g) => g.group),
      ['my-group'],
    )
    const status = (await api().get(`${API}/status`)).body
    assert.deepEqual([status.app, status.adopted], ['shop', 0])
  })

  test('ticks: newest first, bounded, one by its number, explained', async () => {
    await api().post('/scale-group', SCALE)
    await api().settled(4)
    const ticksOf = async (query: string) => {
      const got = await api().get(`${API}/ticks${query}`)
      assert.equal(got.status, 200, got.text)
      return got.body.ticks as { tick: { id: number }; explanation: string[] }[]
    }
    const two = await ticksOf('?limit=2')
    assert.equal(two.length, 2)
    const newest = two[0]?.tick.id ?? 0
    assert.equal(two[1]?.tick.id, newest - 1)
    assert.ok((await ticksOf(`?before=${newest}&limit=1`))[0]?.tick.id === newest - 1)
    const changed = await ticksOf('?changed=true&group=my-group')
    assert.match(changed.map((t) => t.explanation.join()).join(), /my-group 2 → 4/)
    assert.deepEqual(await ticksOf('?group=nobody'), [])
    const one = await api().get(`${API}/ticks/${newest}`)
    assert.equal((one.body.tick as { id: number }).id, newest)
    for (const id of ['0', '999999', '-1', 'x', '1.5', '9'.repeat(30), '%00']) {
      refusedWith(await api().get(`${API}/ticks/${id}`), 'E_TICK_UNKNOWN')
    }
    for (const bad of [
      'limit=x',
      'limit=-1',
      'before=1e3',
      'changed=maybe',
      'order=up',
      'limit=1&limit=2',
    ]) {
      refusedWith(await api().get(`${API}/ticks?${bad}`), 'E_BODY_INVALID')
    }
  })

  test('logs of an instance, and of nothing else', async () => {
    const got = await api().get(`${API}/groups/my-group/logs/my-group-1`)
    assert.deepEqual(got.body, { instance: 'my-group-1', lines: ['starting', 'ready'] })
    api().readLogs.splice(0)
    const bad = [
      '..%2F..%2Fapi-key',
      '%2Fetc%2Fpasswd',
      'my-group-..%2F..%2Fx-1',
      'my-group-1%00',
      'my-group-1%2F..%2Fx',
      'other-1',
      'my-group-1.log',
      'my-group-1%0a',
      'MY-GROUP-1',
    ]
    for (const name of bad) {
      refusedWith(await api().get(`${API}/groups/my-group/logs/${name}`), 'E_INSTANCE_UNKNOWN')
    }
    assert.deepEqual(api().readLogs, [], 'a name that is none got as far as the provider')
    refusedWith(await api().get(`${API}/groups/my-group/logs/my-group-99`), 'E_INSTANCE_UNKNOWN')
    refusedWith(await api().get(`${API}/groups/nobody/logs/nobody-1`), 'E_GROUP_UNKNOWN')
  })

  test('healthz is open; readyz tells whether the loop turns', async () => {
    const body = { status: 'ok', controller: 'test' }
    assert.deepEqual((await api().get('/healthz', null)).body, body)
    assert.equal((await api().get('/readyz', null)).status, 200)
    await api().controller.pause()
    api().world.clock.advance(16_000)
    assert.equal((await api().get('/readyz', null)).status, 503)
    assert.equal((await api().get('/healthz', null)).status, 200)
    api().controller.resume()
  })
})
