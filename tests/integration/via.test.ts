// Which balancer an application gets: as the file says, as the machine allows, and told each time.
import assert from 'node:assert/strict'
import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, afterEach, before, describe, test } from 'node:test'
import { TestApplication, until } from './application.ts'
import { done, failedWith, type Json, nothingIsLeft } from './command-line.ts'
import { missing } from './nginx-subject.ts'

/** A machine without NGINX. */
const NONE = { PLIMSOLL_NGINX: '/nowhere/nginx' }

describe('the balancer of an application', () => {
  let app: TestApplication
  before(async () => {
    app = await TestApplication.create()
  })
  afterEach(() => app.run(['down']))
  after(() => app.close())

  const write = (more: string) =>
    app.write({ http: `{ listen: "127.0.0.1:${app.listenPort}", health: /healthz${more} }` })

  test('without NGINX a file that asks for it starts nothing, and says how to get it', async () => {
    for (const more of [', via: nginx', ', hostnames: [a.example]', ', members: ["10.0.0.1:80"]']) {
      write(more)
      for (const words of [['check'], ['up', '--detach'], ['up', '--dry-run']]) {
        const told = failedWith(await app.run([...words, '--json'], NONE), 'E_BALANCER_MISSING')
        assert.match(told, /apt-get install nginx-light/)
      }
      assert.ok(!existsSync(join(app.state, 'store.sqlite')))
      assert.deepEqual(app.processes(), [])
    }
  })

  test('without NGINX the built-in one serves where the file allows it, and stays', async () => {
    for (const more of ['', ', via: [nginx, builtin]']) {
      write(more)
      const { balancer } = done(await app.run(['check', '--json'], NONE))
      assert.deepEqual(balancer, { name: 'builtin', why: 'NGINX is not installed', notices: [] })
    }
    const up = await app.run(['up', '--detach'], NONE)
    assert.equal(up.code, 0, up.stderr)
    assert.match(up.stdout, /^balancer: builtin \(NGINX is not installed\)$/m)
    const status = done(await app.run(['status', '--json']))
    assert.equal((status.balancer as Json).name, 'builtin')
    write(', via: nginx')
    failedWith(await app.run(['up', '--json']), 'E_VIA_CHANGED')
  })

  test('a certificate that can not be used is told before anything starts', async () => {
    write(', tls: { certificate: full.pem, key: key.pem }')
    const absent = failedWith(await app.run(['check', '--json'], {}), 'E_TLS')
    assert.match(absent, /groups\..*\.http\.tls: .*full\.pem can't be read/)
    for (const name of ['full.pem', 'key.pem']) writeFileSync(join(app.folder, name), 'no PEM')
    const wrong = failedWith(await app.run(['up', '--detach', '--json']), 'E_TLS')
    assert.match(wrong, /full\.pem holds no certificate in PEM/)
    assert.deepEqual(app.processes(), [])
  })

  test('NGINX serves, is told with its limits, and is not exchanged', {
    skip: missing,
  }, async () => {
    write(', via: nginx, max_body: 2MB')
    const up = await app.run(['up', '--detach'])
    assert.equal(up.code, 0, up.stderr)
    assert.match(up.stdout, /^balancer: nginx \(the file says via: nginx\)$/m)
    assert.match(up.stdout, /bodies over 2MB are answered 413 \(http\.max_body, NGINX's/)
    await app.settled(2)
    const status = done(await app.run(['status', '--json']))
    assert.deepEqual(status.balancer, {
      ...{ name: 'nginx', why: 'the file says via: nginx', notices: [] },
    })
    assert.match((await app.run(['status'])).stdout, /^balancer: nginx/m)
    const answer = await fetch(app.url)
    assert.deepEqual(
      [answer.status, typeof ((await answer.json()) as Json).instance],
      [200, 'string'],
    )

    write(', via: builtin')
    const refused = failedWith(await app.run(['up', '--json']), 'E_VIA_CHANGED')
    assert.match(refused, /nginx carries the application, and the file says via: builtin/)
    write(', via: nginx, max_body: 1MB')
    assert.equal(done(await app.run(['up', '--json'])).applied, true)
    const body = 'x'.repeat(1_500_000)
    await until('the new limit', 10_000, async () => {
      const got = await fetch(app.url, { method: 'POST', body }).catch(() => undefined)
      return got?.status === 413 || undefined
    })
    assert.deepEqual(done(await app.run(['down', '--json'])), { stopped: true })
    await nothingIsLeft(app)
    assert.ok(!existsSync(join(app.state, 'balancer.json')))
  })

  test('what runs goes on, whatever has been installed since', { skip: missing }, async () => {
    write('')
    const first = app.start(undefined, [])
    await app.settled(2)
    const { balancer } = done(await app.run(['status', '--json'])) as { balancer: Json }
    assert.equal(balancer.name, 'nginx')
    first.child.kill('SIGKILL')
    await until('the controller is gone', 5_000, () => first.child.signalCode !== null || undefined)
    // As if NGINX had been taken away meanwhile: what runs is not let go of.
    const again = await app.run(['up', '--detach'], NONE)
    assert.equal(again.code, 0, again.stderr)
    assert.match(again.stdout, /^balancer: nginx \(it runs already\)$/m)
    assert.equal((await fetch(app.url)).status, 200)
    assert.deepEqual(done(await app.run(['down', '--json'], NONE)), { stopped: true })
    await nothingIsLeft(app)
  })
})
