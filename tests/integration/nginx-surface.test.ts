// What NGINX shows to clients: names, TLS and its renewal, HTTP/2, limits in plain words, and
// reloads that clients do not feel.
import { strict as assert } from 'node:assert'
import { execFileSync } from 'node:child_process'
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { Agent, request } from 'node:http'
import { connect as connectHttp2 } from 'node:http2'
import { request as requestTls } from 'node:https'
import { join } from 'node:path'
import { after, afterEach, before, describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { connect as connectTls, type TLSSocket } from 'node:tls'
import type { Cancel } from '../../src/core/ports.ts'
import { runClosed } from '../../src/lab/load/closed.ts'
import { freePort, NEVER, Stage, until } from '../../src/testing/balancer/stage.ts'
import { send } from '../../src/testing/balancer/test-client.ts'
import { createSubject, missing, type NginxSubject } from './nginx-subject.ts'

/** A key and a certificate that signs itself, for these names. */
function writePair(folder: string, name: string, ...hosts: readonly string[]) {
  const tls = { certificate: join(folder, `${name}.crt`), key: join(folder, `${name}.key`) }
  const names = `subjectAltName=${hosts.map((host) => `DNS:${host}`).join(',')}`
  const files = ['-keyout', tls.key, '-out', tls.certificate]
  const kind = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']
  const about = ['-subj', `/CN=${hosts[0]}`, '-addext', names, '-days', '30']
  execFileSync('openssl', ['req', '-x509', ...kind, ...files, ...about], { stdio: 'ignore' })
  return tls
}

/** The name in the certificate that is served for a name, and the protocol agreed on. */
async function handshake(port: number, servername: string, ALPNProtocols = ['http/1.1']) {
  const socket = connectTls({ port, servername, rejectUnauthorized: false, ALPNProtocols })
  await new Promise((resolve, reject) => {
    socket.once('secureConnect', resolve).once('error', reject)
  })
  const told = {
    subject: socket.getPeerCertificate().subject.CN,
    serial: socket.getPeerCertificate().serialNumber,
    protocol: (socket as TLSSocket).alpnProtocol,
    version: socket.getProtocol(),
  }
  socket.destroy()
  return told
}

function sendTls(port: number, path: string, host: string) {
  return new Promise<{ status: number; body: string }>((resolve, reject) => {
    const options = { port, path, servername: host, headers: { host }, rejectUnauthorized: false }
    const outgoing = requestTls({ ...options, agent: false }, (response) => {
      let body = ''
      response.setEncoding('utf8').on('data', (chunk: string) => {
        body += chunk
      })
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body }))
    })
    outgoing.on('error', reject).end()
  })
}

/** Clients that keep their connection and pause between requests; resolves to what failed. */
async function pausing(port: number, clients: number, over: Cancel): Promise<readonly string[]> {
  const failures: string[] = []
  const one = (agent: Agent) =>
    new Promise<void>((resolve) => {
      const options = { host: '127.0.0.1', port, path: '/echo', method: 'POST', agent }
      const outgoing = request(options, (response) => {
        if (response.statusCode !== 200) failures.push(`${response.statusCode}`)
        response.resume().on('end', resolve)
      })
      outgoing.on('error', (error) => {
        failures.push(error.message)
        resolve()
      })
      outgoing.end('x')
    })
  const client = async () => {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 })
    while (!over.aborted) {
      await one(agent)
      await sleep(Math.random() * 300)
    }
    agent.destroy()
  }
  await Promise.all(Array.from({ length: clients }, client))
  return failures
}

describe('what nginx shows to clients', { skip: missing }, () => {
  let subject: NginxSubject
  let stage: Stage
  before(async () => {
    subject = createSubject('unix')
    stage = new Stage(subject)
    assert.equal(await subject.balancer.start(NEVER), undefined)
  })
  afterEach(() => stage.clear())
  after(() => subject.dispose())

  test('names: those of the group are served, any other one is told so', async () => {
    const [instance] = await stage.instances(1)
    assert.ok(instance)
    await stage.serve([instance.target()], { hostnames: ['shop.example', '*.shop.example'] })
    const status = async (host: string) =>
      (await send(stage.port, '/echo', { headers: { host } })).status
    for (const host of ['shop.example', 'SHOP.example:81', 'a.b.shop.example']) {
      assert.equal(await status(host), 200, host)
    }
    const other = await send(stage.port, '/echo', { headers: { host: 'other.example' } })
    assert.deepEqual(
      [other.status, other.body],
      [421, 'plimsoll: nothing is served under this host name\n'],
    )
  })

  test('two groups share an address by name, with certificates of their own', async () => {
    const tls = writePair(subject.prefix, 'one', 'one.example')
    const [one, two] = await stage.instances(2)
    assert.ok(one && two)
    await stage.serve([one.target()], { hostnames: ['one.example'], tls })
    const base = stage.group({ hostnames: ['one.example'], tls, targets: [one.target()] })
    const second = {
      ...base,
      ...{ group: 'api', hostnames: ['two.example'], targets: [two.target()] },
      tls: writePair(subject.prefix, 'two', 'two.example'),
    }
    assert.equal(await subject.balancer.configure([base, second], NEVER), undefined)
    for (const [host, instance] of [
      ['one.example', one],
      ['two.example', two],
    ] as const) {
      assert.equal((await handshake(stage.port, host)).subject, host)
      const { status, body } = await sendTls(stage.port, '/echo', host)
      assert.equal(status, 200)
      const echo = JSON.parse(body) as { instance: string; headers: Record<string, string> }
      assert.equal(echo.instance, instance.name)
      assert.equal(echo.headers['x-forwarded-proto'], 'https')
    }
    assert.equal((await sendTls(stage.port, '/', 'three.example')).status, 421)
    const third = { ...second, group: 'jobs', hostnames: ['TWO.example'.toLowerCase()] }
    const refused = await subject.balancer.configure([base, second, third], NEVER)
    assert.equal(refused?.code, 'E_PORT_IN_USE')
    assert.equal((await handshake(stage.port, 'two.example')).subject, 'two.example')
  })

  test('HTTP/2: requests, bodies without a length, and the limit', async () => {
    const tls = writePair(subject.prefix, 'h2', 'h2.example')
    const instances = await stage.instances(2)
    const targets = instances.map((instance) => instance.target())
    await stage.serve(targets, { tls, maxBodyBytes: 400_000 })
    const agreed = await handshake(stage.port, 'h2.example', ['h2', 'http/1.1'])
    assert.deepEqual([agreed.protocol, agreed.version], ['h2', 'TLSv1.3'])
    const session = connectHttp2(`https://127.0.0.1:${stage.port}`, { rejectUnauthorized: false })
    const ask = (path: string, body?: Buffer) =>
      new Promise<{ status: number; body: string }>((resolve, reject) => {
        const method = body === undefined ? 'GET' : 'POST'
        const stream = session.request({ ':path': path, ':method': method })
        let status = 0
        let text = ''
        stream.on('response', (headers) => {
          status = Number(headers[':status'])
        })
        stream.setEncoding('utf8').on('data', (chunk: string) => {
          text += chunk
        })
        stream.on('end', () => resolve({ status, body: text })).on('error', reject)
        stream.end(body)
      })
    const all = await Promise.all(Array.from({ length: 20 }, () => ask('/echo')))
    assert.deepEqual(new Set(all.map(({ status }) => status)), new Set([200]))
    const echo = JSON.parse(all[0]?.body ?? '') as { headers: Record<string, string> }
    assert.equal(echo.headers.host, `127.0.0.1:${stage.port}`)
    const posted = await ask('/echo', Buffer.alloc(390_000, 'x'))
    assert.equal((JSON.parse(posted.body) as { body: string }).body.length, 390_000)
    session.destroy()
  })

  test('WebSocket and events pass TLS as they come', async () => {
    const tls = writePair(subject.prefix, 'ws', 'ws.example')
    const [instance] = await stage.instances(1)
    assert.ok(instance)
    await stage.serve([instance.target()], { tls })
    const options = { port: stage.port, rejectUnauthorized: false, agent: false } as const
    const upgrade = { Connection: 'Upgrade', Upgrade: 'echo' }
    const answered = await new Promise<string>((resolve, reject) => {
      const outgoing = requestTls({ ...options, path: '/', headers: upgrade })
      outgoing.on('upgrade', (_, socket) => {
        socket.once('data', (data: Buffer) => {
          resolve(data.toString())
          socket.destroy()
        })
        socket.write('hello')
      })
      outgoing.on('error', reject).end()
    })
    assert.equal(answered, 'hello')
    const first = await new Promise<string>((resolve, reject) => {
      const outgoing = requestTls({ ...options, path: '/events' }, (response) => {
        // The answer goes on: what is here now was not held back.
        response.once('data', (data: Buffer) => {
          resolve(data.toString())
          outgoing.destroy()
        })
      })
      outgoing.on('error', reject).end()
    })
    assert.equal(first, 'data: first\n\n')
  })

  test('a body over the limit is refused in plain words', async () => {
    const [instance] = await stage.instances(1)
    assert.ok(instance)
    await stage.serve([instance.target()], { maxBodyBytes: 1_000 })
    for (const headers of [{}, { 'Transfer-Encoding': 'chunked' }]) {
      const body = Buffer.alloc(2_000)
      const got = await send(stage.port, '/echo', { method: 'POST', body, headers })
      assert.equal(got.status, 413)
      assert.equal(got.body, 'plimsoll: the body is larger than 1000 bytes (max_body)\n')
    }
  })

  test('a renewed certificate is put in force; a wrong one is told, and changes nothing', async () => {
    const tls = writePair(subject.prefix, 'renewed', 'renewed.example')
    const [instance] = await stage.instances(1)
    assert.ok(instance)
    await stage.serve([instance.target()], { tls })
    const { serial } = await handshake(stage.port, 'renewed.example')
    const other = writePair(subject.prefix, 'other', 'other.example')
    const over = new AbortController()
    const load = pausing(stage.port, 0, over.signal)
    // Half of a renewal: the certificate is new, the key is not yet.
    writeFileSync(tls.certificate, readFileSync(other.certificate))
    await until('it is told', () =>
      (subject.balancer.notices?.() ?? []).some((notice) => /is not the key of/.test(notice)),
    )
    assert.equal((await handshake(stage.port, 'renewed.example')).serial, serial)
    // Other changes go on meanwhile.
    await stage.serve([instance.target()], { tls, maxBodyBytes: 5_000 })
    assert.equal((await handshake(stage.port, 'renewed.example')).serial, serial)
    writeFileSync(tls.key, readFileSync(other.key))
    await until('the new one serves', async () => {
      return (await handshake(stage.port, 'renewed.example')).subject === 'other.example'
    })
    rmSync(tls.certificate)
    await until('that it is gone is told', () =>
      (subject.balancer.notices?.() ?? []).some((notice) => /can't be read/.test(notice)),
    )
    assert.equal((await handshake(stage.port, 'renewed.example')).subject, 'other.example')
    over.abort()
    assert.deepEqual(await load, [])
  })

  test('a group whose certificate can not be read is not served, and others are', async () => {
    const [instance] = await stage.instances(1)
    assert.ok(instance)
    await stage.serve([instance.target()])
    const port = stage.port
    const plain = stage.group({ targets: [instance.target()] })
    const tls = { certificate: '/nowhere/a.crt', key: '/nowhere/a.key' }
    const bad = {
      ...plain,
      group: 'bad',
      listen: { host: '127.0.0.1', port: await freePort() },
      tls,
    }
    const fault = await subject.balancer.configure([plain, bad], NEVER)
    assert.equal(fault?.code, 'E_TLS')
    assert.match(fault?.message ?? '', /bad: \/nowhere\/a.crt can't be read/)
    assert.equal((await send(port, '/echo')).status, 200)
  })

  test('ten reloads under load cost nobody a request', async () => {
    const instances = await stage.instances(3)
    const targets = instances.map((instance) => instance.target())
    await stage.serve(targets, { maxInFlight: 500 })
    const over = new AbortController()
    const target = new URL(`http://127.0.0.1:${stage.port}`)
    const mix = { faultRatio: 0, postRatio: 0.5 }
    const load = runClosed({ target, inFlight: 40, seed: 1, signal: over.signal, ...mix })
    const slow = pausing(stage.port, 20, over.signal)
    for (let n = 1; n <= 10; n += 1) {
      await stage.serve(targets, { maxInFlight: 500, maxBodyBytes: 1_000_000 + n })
      await sleep(100)
    }
    over.abort()
    const totals = await load
    assert.deepEqual(totals.reasons, {})
    assert.deepEqual(await slow, [])
    assert.ok(totals.requests > 1_000, `${totals.requests}`)
    // Once it is over connections are kept again.
    const kept = await send(stage.port, '/echo', { agent: new Agent({ keepAlive: true }) })
    assert.equal(kept.headers.connection, 'keep-alive')
  })
})
