// A server that answers as Prometheus does, and as everything that is not one: what becomes of it.
import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer, type RequestListener, type Server } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, beforeEach, test } from 'node:test'
import type { MetricsSpec, Reading } from '../../core/model.ts'
import { createPrometheusMetrics } from './metrics.ts'
import { probePrometheus } from './probe.ts'
import { piecesOf, readRange } from './range.ts'

const NOW = 1_000_000
const SECRETS = { TOKEN: 's3cret-token', PASSWORD: 's3cret:wörd', TENANT: 's3cret-tenant' }

let answer: RequestListener
let server: Server
let metrics = createPrometheusMetrics({ clock: { now: () => NOW }, environment: SECRETS })

before(async () => {
  server = createServer((request, response) => answer(request, response))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
})
beforeEach(() => {
  metrics = createPrometheusMetrics({
    clock: { now: () => NOW },
    environment: SECRETS,
    timeoutMs: 400,
  })
})
after(() => {
  server.closeAllConnections()
  server.close()
})

function specOf(change: Partial<MetricsSpec> = {}, of = server): MetricsSpec {
  const { port } = of.address() as AddressInfo
  const url = `http://127.0.0.1:${port}`
  return { prometheus: url, headers: {}, verify: true, maxAgeMs: 60_000, ...change }
}

async function read(change: Partial<MetricsSpec> = {}, query = 'vector(1)'): Promise<Reading> {
  const [reading] = await metrics.read(specOf(change), [query], new AbortController().signal)
  return reading ?? assert.fail('no reading')
}

function vector(...values: readonly string[]) {
  const result = values.map((value) => ({ metric: {}, value: [1_700_000_000, value] }))
  return { status: 'success', data: { resultType: 'vector', result } }
}

/** Answers the same document to everything, but the newest sample's age to what asks for that. */
function says(body: unknown, { status = 200, ageS = 0 } = {}): void {
  answer = (request, response) => {
    const isAge = decodeURIComponent(request.url ?? '').includes('timestamp(')
    response.statusCode = isAge ? 200 : status
    const text = isAge ? vector(String(1_700_000_000 - ageS)) : body
    response.end(typeof text === 'string' ? text : JSON.stringify(text))
  }
}

function reasonOf(reading: Reading): string {
  return reading.kind === 'missing' ? reading.reason : `value ${reading.value}`
}

test('a vector of one and a scalar are numbers, as old as their newest sample', async () => {
  says(vector('4.5'), { ageS: 12 })
  assert.deepEqual(await read(), { kind: 'value', value: 4.5, atMs: NOW })
  assert.deepEqual(await read({}, 'sum(depth)'), { kind: 'value', value: 4.5, atMs: NOW - 12_000 })
  says({ status: 'success', data: { resultType: 'scalar', result: [1, '7'] } })
  assert.deepEqual(await read(), { kind: 'value', value: 7, atMs: NOW })
})

test('what is no single number is missing, and says what it is', async () => {
  const cases: readonly (readonly [body: unknown, reason: RegExp])[] = [
    [vector(), /finds no series/],
    [vector('1', '2'), /gives 2 series where one number is expected/],
    [vector('NaN'), /gives NaN/],
    [vector('+Inf'), /gives Infinity/],
    [vector('-Inf'), /gives -Infinity/],
    [vector(''), /holds no number/],
    [vector('seven'), /holds no number/],
    [{ status: 'success', data: { resultType: 'matrix', result: [] } }, /gives a matrix/],
    [
      { status: 'success', data: { resultType: 'vector', result: [{ histogram: [] }] } },
      /no number/,
    ],
    [{ status: 'success', data: { resultType: 'vector', result: [null] } }, /no number/],
    [{ status: 'success', data: null }, /something else/],
    [{ status: 'success' }, /something else/],
    [{ status: 'error', error: 'no way' }, /answers an error: no way/],
    [[], /answers an error/],
    ['<html>Please log in</html>', /does not answer with JSON: is it a Prometheus/],
    ['', /does not answer with JSON/],
  ]
  for (const [body, reason] of cases) {
    says(body)
    assert.match(reasonOf(await read()), reason)
  }
})

test('partial data is missing; remarks on style are not', async () => {
  says({ ...vector('3'), warnings: ['one store did not answer'] })
  assert.match(reasonOf(await read()), /^the data is partial: one store did not answer$/)
  says({ ...vector('3'), isPartial: true })
  assert.match(reasonOf(await read()), /^the data is partial$/)
  says({ ...vector('3'), warnings: ['PromQL info: name it _total'], infos: ['x'] })
  assert.equal((await read()).kind, 'value')
})

test('a stale series is missing with its age', async () => {
  says(vector('3'), { ageS: 61 })
  assert.equal(reasonOf(await read({}, 'depth')), 'it is stale: the newest sample is 61 s old')
  assert.equal((await read({ maxAgeMs: 62_000 }, 'depth')).kind, 'value')
})

test('503, redirects and refusals are told with the address and what was said', async () => {
  says({ status: 'error', error: 'starting up' }, { status: 503 })
  assert.match(reasonOf(await read()), /^http:\/\/127.0.0.1:\d+ answers 503: starting up$/)
  says('', { status: 503 })
  assert.match(reasonOf(await read()), /answers 503$/)
  says('', { status: 302 })
  assert.match(reasonOf(await read()), /answers 302 and points elsewhere/)
  says({ status: 'error', error: 'parse error: \u001b[31munexpected end' }, { status: 400 })
  assert.equal(reasonOf(await read()), 'the query is refused: parse error: unexpected end')
  says('no', { status: 401 })
  assert.match(reasonOf(await read()), /answers 401$/)
})

test('what hangs, breaks off, answers without end or is not there has a reason', async () => {
  answer = () => {}
  assert.match(reasonOf(await read()), /did not answer within 0.4 s/)
  answer = (_request, response) => response.write('{')
  assert.match(reasonOf(await read()), /did not answer within 0.4 s/)
  answer = (_request, response) => {
    response.writeHead(200, { 'content-length': '100' })
    response.write('{', () => response.destroy())
  }
  assert.match(reasonOf(await read()), /can't be reached/)
  answer = (_request, response) => response.end('x'.repeat(2_000_000))
  assert.match(reasonOf(await read()), /answers more than 1000000 bytes/)
  assert.match(reasonOf(await read({ prometheus: 'http://127.0.0.1:1' })), /can't be reached/)
  says(vector('1'))
  assert.equal((await read()).kind, 'value')
})

test('once cancelled nothing is waited for', async () => {
  answer = () => {}
  const cancel = new AbortController()
  const reading = metrics.read(specOf(), ['vector(1)'], cancel.signal)
  cancel.abort()
  const [first] = await reading
  assert.match(first?.kind === 'missing' ? first.reason : '', /asked for too long/)
})

test('at most eight requests at once, and each query once', async () => {
  let now = 0
  let most = 0
  let all = 0
  answer = (_request, response) => {
    all += 1
    now += 1
    most = Math.max(most, now)
    setTimeout(() => {
      now -= 1
      response.end(JSON.stringify(vector('1')))
    }, 5)
  }
  const queries = Array.from({ length: 60 }, (_, i) => `vector(${i % 30})`)
  const readings = await metrics.read(specOf(), queries, new AbortController().signal)
  assert.ok(readings.every((r) => r.kind === 'value'))
  assert.deepEqual([all, most], [30, 8])
})

test('a connection that was closed while it was kept is no outage', async () => {
  const spec = specOf()
  const ask = async () => (await metrics.read(spec, ['vector(1)'], new AbortController().signal))[0]
  const ports = new Set<number | undefined>()
  answer = (request, response) => {
    ports.add(request.socket.remotePort)
    response.end(JSON.stringify(vector('1')))
  }
  for (let i = 0; i < 3; i += 1) assert.equal((await ask())?.kind, 'value')
  assert.equal(ports.size, 1, 'the connection is kept')
  const before = answer
  answer = (request) => {
    answer = before
    request.socket.destroy()
  }
  assert.equal((await ask())?.kind, 'value')
  answer = (request) => request.socket.destroy()
  assert.equal((await ask())?.kind, 'missing')
})

test('who asks is told by the environment, and by nothing that is shown', async () => {
  const seen: (string | undefined)[] = []
  answer = (request, response) => {
    seen.push(request.headers.authorization, request.headers['x-scope-orgid'] as string)
    response.statusCode = 403
    response.end('no')
  }
  const basic = { user: 'ops', password: '$PASSWORD' }
  const coded = Buffer.from(`ops:${SECRETS.PASSWORD}`).toString('base64')
  const said = [
    await read({ bearer: '$TOKEN', headers: { 'X-Scope-OrgID': '$TENANT' } }),
    await read({ basic }),
    await read({ headers: { Authorization: '$TOKEN' } }),
  ]
  assert.deepEqual(seen, [
    `Bearer ${SECRETS.TOKEN}`,
    SECRETS.TENANT,
    `Basic ${coded}`,
    undefined,
    SECRETS.TOKEN,
    undefined,
  ])
  // An address with a password in it comes from the environment too.
  const { port } = server.address() as AddressInfo
  const environment = {
    WHERE: `http://ops:s3cret@127.0.0.1:${port}/sub?s3cret#s3cret`,
    ODD: 'a\nb',
  }
  seen.length = 0
  const ask = (change: Partial<MetricsSpec>) => probePrometheus(specOf(change), [], environment)
  const probed = await ask({ prometheus: '$WHERE' })
  assert.equal(seen[0], `Basic ${Buffer.from('ops:s3cret').toString('base64')}`)
  assert.match(probed[0] ?? '', /^http:\/\/127.0.0.1:\d+\/sub answers 403; until/)
  const others = [
    await ask({ prometheus: '$NOT_SET', bearer: '$NOR_THIS' }),
    await ask({ headers: { 'X-Odd': '$ODD' } }),
    await ask({ prometheus: '$ODD' }),
  ]
  assert.match(others[0]?.[0] ?? '', /reads \$NOT_SET, \$NOR_THIS, which is not set/)
  assert.match(others[1]?.[0] ?? '', /the header x-odd can't be sent/)
  assert.match(others[2]?.[0] ?? '', /\$ODD is no http or https URL/)
  assert.doesNotMatch(JSON.stringify([said, probed, others]), /s3cret/)
})

test('a long query is sent as a form', async () => {
  let sent = ''
  answer = (request, response) => {
    request.on('data', (d) => {
      sent += `${request.method} ${d}`
    })
    request.on('end', () => response.end(JSON.stringify(vector('1'))))
  }
  assert.equal((await read({}, `vector(1${' '.repeat(3_000)})`)).kind, 'value')
  assert.match(sent, /^POST query=vector/)
})

test('a probe names the queries that are refused', async () => {
  answer = (request, response) => {
    const isBroken = decodeURIComponent(request.url ?? '').includes('sum(')
    response.statusCode = isBroken ? 400 : 200
    response.end(JSON.stringify(isBroken ? { status: 'error', error: 'parse error' } : vector()))
  }
  const queries = [
    { name: 'web, query depth', query: 'sum(' },
    { name: 'web, query rate', query: 'none' },
  ]
  const said = await probePrometheus(specOf(), queries, {})
  assert.deepEqual(said, ['web, query depth: the query is refused: parse error'])
})

const withoutOpenssl = spawnSync('openssl', ['version']).status !== 0 && 'there is no openssl'

test('TLS is verified, by the authorities that are named', { skip: withoutOpenssl }, async () => {
  const folder = mkdtempSync(join(tmpdir(), 'plimsoll-tls-'))
  const path = (name: string) => join(folder, name)
  const words = '-x509 -nodes -newkey rsa:2048 -days 2 -subj /CN=localhost -addext'
  const out = ['-keyout', path('key.pem'), '-out', path('cert.pem')]
  const name = 'subjectAltName=DNS:localhost,IP:127.0.0.1'
  execFileSync('openssl', ['req', ...words.split(' '), name, ...out], { stdio: 'pipe' })
  const pair = { key: readFileSync(path('key.pem')), cert: readFileSync(path('cert.pem')) }
  const secure = createTlsServer(pair, (request, response) => answer(request, response))
  try {
    secure.listen(0, '127.0.0.1')
    await once(secure, 'listening')
    const { port } = secure.address() as AddressInfo
    const prometheus = `https://127.0.0.1:${port}/`
    says(vector('1'))
    assert.match(reasonOf(await read({ prometheus })), /can't be reached: self-signed certificate/)
    assert.equal((await read({ prometheus, ca: path('cert.pem') })).kind, 'value')
    assert.equal((await read({ prometheus, verify: false })).kind, 'value')
    assert.match(reasonOf(await read({ prometheus, ca: path('none.pem') })), /ca can't be read/)
  } finally {
    secure.closeAllConnections()
    secure.close()
    rmSync(folder, { recursive: true })
  }
})

test('a range is cut into pieces that Prometheus takes, and refuses several series', async () => {
  const span = { query: 'x', startS: 100, endS: 100 + 60 * 20_160, stepS: 60 }
  assert.deepEqual(
    piecesOf(span).map(({ startS, endS }) => [startS, endS]),
    [
      [100, 600_040],
      [600_100, 1_200_040],
      [1_200_100, 1_209_700],
    ],
  )
  const options = { environment: {}, progress: () => {} }
  const matrix = (...series: readonly unknown[]) => {
    const result = series.map((values) => ({ metric: {}, values }))
    return { status: 'success', data: { resultType: 'matrix', result } }
  }
  says(
    matrix([
      [1, '2'],
      [2, 'NaN'],
      [3, '+Inf'],
      ['4', 5],
      [5, '6'],
    ]),
  )
  const one = { ...span, endS: 200 }
  assert.deepEqual(await readRange(specOf(), one, options), [
    { atS: 1, value: 2 },
    { atS: 5, value: 6 },
  ])
  const codeOf = async () => {
    const rows = await readRange(specOf(), one, options)
    return 'code' in rows ? `${rows.code} ${rows.message}` : 'rows'
  }
  says(matrix([], []))
  assert.match(await codeOf(), /^E_METRICS .*2 series where one is expected/)
  says(vector('1'))
  assert.match(await codeOf(), /^E_METRICS .*answers no range/)
  says('', { status: 500 })
  assert.match(await codeOf(), /^E_METRICS .*answers 500/)
})
