// Who gets in, and what is told about the API: its document, its metrics, its events.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { describe, test } from 'node:test'
import type { InjectOptions } from 'fastify'
import { API, apiOfEachTest, eventually, KEY, refusedWith } from '../../tests/simulation/api.ts'
import { ERRORS } from '../core/errors.ts'
import { OPERATIONS, openapi } from './openapi.ts'

const api = apiOfEachTest()

describe('the door', () => {
  test('without a key, or with a wrong one, nothing is said but how to get in', async () => {
    for (const { method, path } of OPERATIONS) {
      const url = path.replace(':name', 'my-group').replace(':instance', 'my-group-1')
      const options: InjectOptions = { method: method === 'get' ? 'GET' : 'POST', url }
      refusedWith(await api().call(options, null), 'E_KEY_MISSING')
      refusedWith(await api().call(options, 'wrong'), 'E_KEY_WRONG')
    }
    for (const key of [KEY.slice(0, -1), `${KEY}x`, KEY.toUpperCase()]) {
      refusedWith(await api().get(`${API}/status`, key), 'E_KEY_WRONG')
    }
    for (const authorization of [KEY, `Basic ${KEY}`, 'Bearer', 'Bearer ', `Bearer a ${KEY}`]) {
      const url = `${API}/status`
      refusedWith(await api().call({ url, headers: { authorization } }, null), 'E_KEY_MISSING')
    }
    const { headers } = await api().get(`${API}/status`, null)
    assert.equal(headers['www-authenticate'], 'Bearer')
    assert.equal(api().shutdowns, 0)
  })

  test('nobody learns without a key what there is', async () => {
    refusedWith(await api().get('/nowhere', null), 'E_KEY_MISSING')
    refusedWith(await api().get(`${API}/groups/nobody`, null), 'E_KEY_MISSING')
    refusedWith(await api().get('/healthz/../metrics', null), 'E_KEY_MISSING')
  })

  test("a Host that is not this API's is refused, with a key too", async () => {
    const bad = ['evil.example', 'localhost.evil.example', '127.0.0.1.evil.example', 'a@localhost']
    for (const host of [...bad, '127.0.0.1:80:80', 'localhost:7070.evil.example']) {
      for (const url of [`${API}/status`, '/healthz']) {
        refusedWith(await api().call({ url, headers: { host } }), 'E_HOST_REFUSED')
      }
    }
    for (const host of [
      'localhost',
      'LOCALHOST:7070',
      '127.0.0.1:7070',
      '[::1]:7070',
      '10.0.0.5',
    ]) {
      assert.equal(
        (await api().call({ url: '/healthz', headers: { host } }, null)).status,
        200,
        host,
      )
    }
  })

  test('what there is not is refused in the same words', async () => {
    refusedWith(await api().get(`${API}/nowhere`), 'E_NOT_FOUND')
    refusedWith(await api().call({ method: 'DELETE', url: `${API}/groups` }), 'E_NOT_FOUND')
    refusedWith(await api().get(`${API}/scale-group`), 'E_NOT_FOUND')
    refusedWith(await api().get(`${API}/groups/nobody`), 'E_GROUP_UNKNOWN')
    refusedWith(await api().get(`${API}/groups/%00`), 'E_GROUP_UNKNOWN')
    for (const path of ['/%', `${API}/groups/%zz`, `${API}/groups/${'x'.repeat(500)}`]) {
      const got = await api().get(path)
      const { code } = got.body.error as { code: string }
      assert.ok(code in ERRORS, got.text)
      refusedWith(got, code as keyof typeof ERRORS)
    }
  })

  test('nothing is cached or sniffed', async () => {
    const { headers } = await api().get(`${API}/status`)
    assert.equal(headers['cache-control'], 'no-store')
    assert.equal(headers['x-content-type-options'], 'nosniff')
  })
})

describe('metrics', () => {
  const samples = async () => {
    const got = await api().get('/metrics')
    assert.match(String(got.headers['content-type']), /^text\/plain; version=0\.0\.4/)
    return got.text.trim().split('\n')
  }

  test('names, help and types are as Prometheus wants them', async () => {
    const lines = await samples()
    const types = lines.flatMap((l) => [...l.matchAll(/^# TYPE (\S+) (\w+)$/g)])
    const names = types.map(([, name = '']) => name)
    assert.ok(names.length >= 10)
    assert.equal(new Set(names).size, names.length)
    for (const [, full = '', type] of types) {
      // Counters, and nothing else, are totals.
      assert.equal(full.endsWith('_total'), type === 'counter', full)
      const name = full.replace(/_total$/, '')
      assert.match(name, /^plimsoll_[a-z0-9_]+$/)
      assert.doesNotMatch(name, /_(ms|milliseconds|minutes|percent|kb|total|count|sum|bucket)$/)
      const help = lines.find((l) => l.startsWith(`# HELP ${full} `)) ?? ''
      assert.ok(help.length > full.length + 12, `${full} has no help`)
    }
    for (const line of lines.filter((l) => !l.startsWith('#') && l !== '')) {
      assert.match(line, /^plimsoll_[a-z0-9_]+(\{[a-z]+="[^"]*"\})? -?[0-9.e+-]+$/)
    }
    assert.ok(lines.includes('plimsoll_instances_ready{group="my-group"} 2'))
  })

  test('a reading that is missing has no sample, and it comes back', async () => {
    const has = async (name: string) => (await samples()).some((l) => l.startsWith(`${name}{`))
    api().world.balancer.load.set('my-group', { rps: 50, serviceMs: 100, slots: 10 })
    await eventually(() => has('plimsoll_requests_per_second'))
    api().world.balancer.garbled = true
    await eventually(async () => !(await has('plimsoll_requests_per_second')))
    assert.equal(await has('plimsoll_requests_in_flight'), false)
    assert.equal(await has('plimsoll_instances_ready'), true)
    api().world.balancer.garbled = false
    await eventually(() => has('plimsoll_requests_per_second'))
  })
})

describe('openapi', () => {
  test('every served route is described, and every described one is served', async () => {
    const served = servedRoutes()
    // These two need no key, and so are no operations; the document has them all the same.
    const open = ['GET /healthz', 'GET /readyz']
    const described = [...OPERATIONS.map((o) => `${o.method.toUpperCase()} ${o.path}`), ...open]
    assert.deepEqual([...served].sort(), [...described].sort())
    const { body } = await api().get(`${API}/openapi.json`)
    assert.deepEqual(body, openapi('9.9.9'))
    const paths = Object.entries(body.paths as Record<string, Record<string, unknown>>)
    const named = paths.flatMap(([path, methods]) => {
      return Object.keys(methods).map((m) => `${m.toUpperCase()} ${path}`)
    })
    assert.deepEqual(named.sort(), described.map((d) => d.replace(/:(\w+)/g, '{$1}')).sort())
  })

  test('parameters, bodies and codes are those that are checked', async () => {
    const { body } = await api().get(`${API}/openapi.json`)
    const paths = body.paths as Record<string, Record<string, { requestBody?: unknown }>>
    const scale = JSON.stringify(paths[`${API}/scale-group`]?.post?.requestBody)
    for (const word of ['"scale-out"', '"scale-in"', '"set"', '"additionalProperties":false']) {
      assert.ok(scale.includes(word), word)
    }
    const logs = JSON.stringify(paths[`${API}/groups/{name}/logs/{instance}`]?.get)
    assert.ok(logs.includes('"name"') && logs.includes('"instance"'))
    const schemas = JSON.stringify((body.components as { schemas: unknown }).schemas)
    for (const code of Object.keys(ERRORS)) assert.ok(schemas.includes(code), code)
  })
})

// From the tree that fastify prints, since it keeps no list.
function servedRoutes(): readonly string[] {
  const tree = api().app.printRoutes({ commonPrefix: false, includeHooks: false })
  const trail: string[] = []
  return tree.split('\n').flatMap((line) => {
    const found = /^([│├└─ ]*)(\/?\S*) \(([A-Z, ]+)\)$/.exec(line)
    const bare = /^([│├└─ ]*)(\S+)$/.exec(line)
    const [indent = '', part = ''] = (found ?? bare ?? []).slice(1)
    if (part === '') return []
    const depth = indent.length / 4
    trail.splice(depth)
    trail[depth] = part
    const methods = (found?.[3] ?? '').split(', ').filter((m) => m !== '' && m !== 'HEAD')
    return methods.map((m) => `${m} ${trail.join('')}`)
  })
}

describe('events', () => {
  const url = `${API}/events`

  test('a watcher gets each tick as an event, and its leaving is noticed', async () => {
    const response = await api().app.inject({
      url,
      headers: { authorization: `Bearer ${KEY}` },
      payloadAsStream: true,
    })
    assert.equal(response.headers['content-type'], 'text/event-stream')
    const stream = response.stream()
    let text = ''
    while (!text.includes('event: tick')) text += String((await once(stream, 'data'))[0])
    stream.destroy()
    assert.match(text, /^: watching\n\n/)
    const [, id, data] = /id: (\d+)\nevent: tick\ndata: (.*)\n\n/.exec(text) ?? []
    const event = JSON.parse(data ?? '{}') as Record<string, unknown>
    assert.equal(event.tick, Number(id))
    const [decision] = event.decisions as { group: string; headline: string }[]
    assert.equal(decision?.group, 'my-group')
    assert.match(decision?.headline ?? '', /^my-group stays at 2: /)
  })

  test('a watcher needs the key', async () => {
    refusedWith(await api().get(url, null), 'E_KEY_MISSING')
  })
})
