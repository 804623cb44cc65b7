// Attaching where something is wrong: the fault says what, and the installation is as it was.
import { strict as assert } from 'node:assert'
import { execFileSync } from 'node:child_process'
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, test } from 'node:test'
import { includePath, ownerOf } from '../../src/adapters/nginx/attach/place.ts'
import { findNginx } from '../../src/adapters/nginx/binary.ts'
import { signal } from '../../src/adapters/nginx/process.ts'
import type { BalancerGroup } from '../../src/core/ports.ts'
import { freePort, NEVER, until } from '../../src/testing/balancer/stage.ts'
import { send } from '../../src/testing/balancer/test-client.ts'
import { Attached } from './nginx-attached.ts'
import { missing } from './nginx-subject.ts'

describe('attaching in trouble', { skip: missing }, () => {
  let attached: Attached
  let files: Readonly<Record<string, string>>
  let workers: readonly number[]
  beforeEach(async () => {
    attached = await Attached.create()
    files = attached.distribution.files()
    workers = attached.workers
  })
  afterEach(async () => {
    await attached.stage.clear()
    await attached.dispose()
  })
  const group = async (change: Partial<BalancerGroup> = {}): Promise<BalancerGroup> => ({
    group: 'web',
    listen: { host: '127.0.0.1', port: await freePort() },
    balance: 'round_robin',
    maxInFlight: 50,
    queueTimeoutMs: 5_000,
    maxBodyBytes: 1_000_000,
    timeoutMs: 10_000,
    trustForwarded: false,
    targets: [],
    ...change,
  })
  const start = async () => assert.equal(await attached.balancer.start(NEVER), undefined)
  const configured = async (change?: Partial<BalancerGroup>) => {
    return attached.balancer.configure([await group(change)], NEVER)
  }
  const untouched = () => {
    assert.deepEqual(attached.distribution.files(), files)
    assert.deepEqual(attached.workers, workers)
  }

  test('a value that NGINX refuses never reaches the folder', async () => {
    await start()
    const failure = await configured({ hostnames: [`${'h'.repeat(63)}.test`] })
    assert.equal(failure?.code, 'E_ATTACH')
    assert.match(failure?.message ?? '', /refuses what was written: .*server_names_hash/)
    untouched()
    const file = '/nowhere/certificate.pem'
    const absent = await configured({ tls: { certificate: file, key: file } })
    assert.equal(absent?.code, 'E_TLS')
    untouched()
  })

  test('the longest names fit into an installation that raised no limit', async () => {
    await start()
    const longest = await group({ group: 'g'.repeat(41), hostnames: [`${'h'.repeat(41)}.test`] })
    assert.equal(await attached.balancer.configure([longest], NEVER), undefined)
  })

  test('what does not go with the rest of the installation is taken back', async () => {
    const { distribution } = attached
    const theirs = 'upstream plimsoll_web { server 127.0.0.1:9; }\n'
    writeFileSync(distribution.path('sites-enabled/theirs'), theirs)
    files = distribution.files()
    await start()
    const failure = await configured()
    assert.match(failure?.message ?? '', /taken back: .*duplicate upstream "plimsoll_web"/)
    untouched()
    assert.equal(distribution.test(), '')
  })

  test('a hostname that somebody else has is refused, not half served', async () => {
    const { distribution } = attached
    const { plainPort } = distribution
    const theirs = `server { listen 127.0.0.1:${plainPort}; server_name shop.test; return 200 "theirs"; }\n`
    writeFileSync(distribution.path('sites-enabled/theirs'), theirs)
    await distribution.reload()
    files = distribution.files()
    workers = attached.workers
    await start()
    const listen = { host: '127.0.0.1', port: plainPort }
    const failure = await configured({ listen, hostnames: ['shop.test'] })
    assert.match(failure?.message ?? '', /conflicting server name "shop\.test"/)
    untouched()
  })

  test('an installation that is broken already is said to be, and not touched', async () => {
    const { distribution } = attached
    await start()
    writeFileSync(distribution.path('sites-enabled/broken'), 'sserver { }\n')
    files = distribution.files()
    const failure = await configured()
    assert.match(failure?.message ?? '', /nothing was touched: .*unknown directive "sserver"/)
    untouched()
    // Neither does a controller that comes later.
    await attached.balancer.close()
    rmSync(join(attached.stateDir, 'nginx-attach', 'process.json'))
    const late = await attached.another().start(NEVER)
    assert.match(late?.message ?? '', /unknown directive "sserver"/)
    untouched()
    rmSync(distribution.path('sites-enabled/broken'))
    assert.equal(distribution.test(), '')
    await start()
    assert.equal(await configured(), undefined)
  })

  test('a reload that does not take is taken back', { timeout: 60_000 }, async () => {
    const { distribution } = attached
    await start()
    const { master } = distribution
    assert.ok(master && signal(master, 'SIGSTOP'))
    const first = await configured()
    assert.match(first?.message ?? '', /did not take the change, which was taken back/)
    untouched()
    signal(master, 'SIGCONT')
    await until('it reloaded what there was before', () => {
      return attached.workers.length > 0 && attached.workers.join() !== workers.join()
    })
    assert.deepEqual(distribution.files(), files)
    // The same where something of ours serves already: that is what comes back.
    const serving = await group()
    assert.equal(await attached.balancer.configure([serving], NEVER), undefined)
    const name = includePath(distribution.confD, ownerOf(attached.stateDir))
    const text = readFileSync(name, 'utf8')
    const again = distribution.master
    assert.ok(again && signal(again, 'SIGSTOP'))
    const second = await attached.balancer.configure([{ ...serving, maxBodyBytes: 5 }], NEVER)
    signal(again, 'SIGCONT')
    assert.match(second?.message ?? '', /taken back/)
    assert.equal(readFileSync(name, 'utf8'), text)
    assert.equal(await attached.balancer.configure([serving], NEVER), undefined)
    assert.equal((await send(serving.listen.port, '/')).status, 503)
  })

  test("a stranger's file with our name is left alone", async () => {
    const { distribution } = attached
    const name = includePath(distribution.confD, ownerOf(attached.stateDir))
    writeFileSync(name, '# mine\n')
    files = distribution.files()
    const failure = await attached.balancer.start(NEVER)
    assert.match(failure?.message ?? '', /is not ours/)
    await attached.balancer.stop(0, NEVER)
    untouched()
  })

  test('of two NGINX that read the folder none is chosen', async () => {
    const { distribution } = attached
    const port = await freePort()
    const text = readFileSync(distribution.path('nginx.conf'), 'utf8')
    const other = text
      .replace('pid nginx.pid', 'pid other.pid')
      .replace('include sites-enabled/*;', `server { listen 127.0.0.1:${port}; }`)
    writeFileSync(distribution.path('other.conf'), other)
    files = distribution.files()
    const argv = ['-p', `${distribution.folder}/`, '-c', distribution.path('other.conf')]
    const log = ['-e', distribution.path('logs/other.log')]
    execFileSync(findNginx(process.env.PATH) ?? 'nginx', [...argv, ...log], {
      cwd: distribution.folder,
    })
    await until('it answers', async () => (await send(port, '/')).status !== 0)
    const failure = await attached.balancer.start(NEVER)
    assert.match(failure?.message ?? '', /several NGINX read .* \(pids \d+, \d+\)/)
    assert.deepEqual(readdirSync(distribution.confD), [])
  })

  test('a folder that nobody reads, and one that is not there', async () => {
    const { distribution } = attached
    const unread = distribution.path('unread')
    mkdirSync(unread)
    const first = await attached.another(unread).start(NEVER)
    assert.match(first?.message ?? '', /no running NGINX reads .*include .*unread\/\*\.conf/)
    const second = await attached.another(distribution.path('absent')).start(NEVER)
    assert.match(second?.message ?? '', /absent can't be looked at/)
    const third = await attached.another('conf.d').start(NEVER)
    assert.match(third?.message ?? '', /must be an absolute path/)
    untouched()
  })
})
