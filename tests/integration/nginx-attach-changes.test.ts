// What makes an attached NGINX reload, and what it serves then: addresses, certificates.
import { strict as assert } from 'node:assert'
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { connect as connectHttp2 } from 'node:http2'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { connect as connectTls } from 'node:tls'
import { MOST_ADDRESSES } from '../../src/adapters/nginx/targets/subsets.ts'
import { NEVER, until } from '../../src/testing/balancer/stage.ts'
import { echoOf, send, underLoad } from '../../src/testing/balancer/test-client.ts'
import { TestInstance } from '../../src/testing/balancer/test-instance.ts'
import { Attached } from './nginx-attached.ts'
import { Distribution } from './nginx-distribution.ts'
import { missing } from './nginx-subject.ts'

describe('what changes in an attached nginx', { skip: missing }, () => {
  let attached: Attached
  beforeEach(async () => {
    attached = await Attached.create()
    assert.equal(await attached.balancer.start(NEVER), undefined)
  })
  afterEach(async () => {
    await attached.stage.clear()
    await attached.dispose()
  })

  test('addresses not known before come by one reload, and are known from then on', async () => {
    const { stage, balancer } = attached
    const instances = await stage.instances(4)
    const targets = instances.map((one) => one.target())
    const known = { ports: targets.slice(0, 1).map(({ port }) => port) }
    await stage.serve(targets.slice(0, 1), known)
    const first = attached.workers
    const load = await underLoad(stage.port, 2, async () => {
      await stage.serve(targets, known)
      const second = attached.workers
      assert.notDeepEqual(second, first)
      for (const count of [1, 3, 2, 4]) await stage.serve(targets.slice(0, count), known)
      assert.deepEqual(attached.workers, second)
    })
    assert.deepEqual(load.failures, [])
    const served = async () => {
      const answers = Array.from({ length: 8 }, () => send(stage.port, '/echo'))
      return new Set((await Promise.all(answers)).map((got) => echoOf(got).instance)).size
    }
    await until('all four serve', async () => (await served()) === 4)
    // Beyond the limit: who has an address is served, and the fault says why others are not.
    const ghosts = Array.from({ length: MOST_ADDRESSES - 3 }, (_, n) => ({
      ...{ instance: `ghost-${n}`, host: '127.0.0.1', port: 2 + n, state: 'draining' as const },
    }))
    const workers = attached.workers
    const group = stage.group({ ...known, targets: [...targets, ...ghosts] })
    const failure = await balancer.configure([group], NEVER)
    assert.match(failure?.message ?? '', /at most 10 TCP addresses.*ghost-6 of group web/)
    assert.notDeepEqual(attached.workers, workers)
    const again = attached.workers
    assert.equal((await balancer.configure([group], NEVER))?.code, 'E_ATTACH')
    assert.deepEqual(attached.workers, again)
    assert.equal(await served(), 4)
  })

  test('from TCP to Unix sockets and back: no reload, no request lost', async () => {
    const { stage } = attached
    const tcp = await stage.instances(2)
    const sockets = mkdtempSync(join(tmpdir(), 'plimsoll-sockets-'))
    // The workers are another user's, who must be able to enter.
    chmodSync(sockets, 0o711)
    const names = ['unix-1', 'unix-2', 'unix-3']
    const unix = await Promise.all(
      names.map((name) => TestInstance.start(name, { socket: join(sockets, `${name}.sock`) })),
    )
    try {
      const [first, second] = [tcp, unix].map((all) => all.map((one) => one.target()))
      assert.ok(first && second)
      await stage.serve(first)
      const { workers } = attached
      const served = async () => echoOf(await send(stage.port, '/echo')).instance ?? ''
      const load = await underLoad(stage.port, 4, async () => {
        for (const targets of [second, second.slice(1), second, first, second.slice(0, 1)]) {
          await stage.serve(targets)
          await sleep(150)
          const all = targets.map(({ instance }) => instance)
          for (let n = 0; n < 4; n += 1) assert.ok(all.includes(await served()))
        }
      })
      assert.deepEqual(load.failures, [])
      assert.deepEqual(attached.workers, workers)
    } finally {
      for (const one of unix) await one.die()
      rmSync(sockets, { recursive: true, force: true })
    }
  })

  test('TLS with a certificate of the group, renewed; theirs stays what it was', async () => {
    const { stage, distribution } = attached
    const [only] = await stage.instances(1)
    assert.ok(only)
    const folder = attached.stateDir
    const files = { certificate: join(folder, 'full.pem'), key: join(folder, 'key.pem') }
    const renew = async () => {
      const other = await Distribution.create()
      for (const [to, from] of [
        [files.certificate, 'tls/certificate.pem'],
        [files.key, 'tls/key.pem'],
      ] as const) {
        writeFileSync(to, readFileSync(other.path(from)))
      }
      await other.dispose()
    }
    await renew()
    await stage.serve([only.target()], { tls: files })
    const serial = (port: number) =>
      new Promise<string>((resolve, reject) => {
        const socket = connectTls({ port, host: '127.0.0.1', rejectUnauthorized: false }, () => {
          resolve(socket.getPeerCertificate().serialNumber)
          socket.destroy()
        })
        socket.on('error', reject)
      })
    const [ours, theirs] = [await serial(stage.port), await serial(distribution.tlsPort)]
    assert.notEqual(ours, theirs)
    const session = connectHttp2(`https://127.0.0.1:${stage.port}`, { rejectUnauthorized: false })
    const stream = session.request({ ':path': '/echo' })
    let body = ''
    for await (const chunk of stream) body += chunk
    session.destroy()
    assert.equal(JSON.parse(body).instance, 'web-1')
    const status = await attached.balancer.observe(NEVER)
    assert.equal(status.kind, 'up')
    await renew()
    await until('the renewed one is served', async () => (await serial(stage.port)) !== ours)
    assert.equal(await serial(distribution.tlsPort), theirs)
  })
})
