// The written configuration: what the grammar lets through is accepted by NGINX whole, and what is
// hostile never reaches it.
import { strict as assert } from 'node:assert'
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import fc from 'fast-check'
import { findNginx, testConfig, workerAccount } from '../../src/adapters/nginx/binary.ts'
import type { NginxState } from '../../src/adapters/nginx/state.ts'
import {
  shaped,
  withForwarders,
  withKept,
  withPool,
} from '../../src/adapters/nginx/targets/groups.ts'
import { makeBase, makeEpoch, makeFolders } from '../../src/adapters/nginx/targets/links.ts'
import { renderConfig } from '../../src/adapters/nginx/written/config.ts'
import { refusal } from '../../src/adapters/nginx/written/grammar.ts'
import type { BalancerGroup, BalancerTarget } from '../../src/core/ports.ts'

const nginx = findNginx(process.env.PATH)
const needsNginx = { skip: nginx === undefined && 'nginx is not installed' }

/** What breaks out of a configuration where it is not held back. */
const HOSTILE = [';', '{', '}', '"', "'", '$', '\\', '\n', '\r', '\0', ' ', '#', '`', '../', '%0a']
const hostile = fc
  .tuple(fc.string({ maxLength: 12 }), fc.constantFrom(...HOSTILE), fc.string({ maxLength: 12 }))
  .map((parts) => parts.join(''))

const names = fc.oneof(
  { weight: 5, arbitrary: fc.domain() },
  { weight: 2, arbitrary: fc.domain().map((name) => `*.${name}`) },
  hostile,
)

const plain: BalancerGroup = {
  group: 'web',
  listen: { host: '127.0.0.1', port: 8080 },
  balance: 'round_robin',
  maxInFlight: 10,
  queueTimeoutMs: 1_000,
  maxBodyBytes: 1_000,
  timeoutMs: 1_000,
  trustForwarded: false,
  targets: [],
}
const target: BalancerTarget = { instance: 'web-1', host: '127.0.0.1', port: 3000, state: 'active' }

test('hostile names, hosts, instances and paths are refused', () => {
  const number = fc.constantFrom(Number.NaN, Infinity, -1, 0.5, 1e300, Number('x'))
  fc.assert(
    fc.property(hostile, number, (text, value) => {
      const changed: BalancerGroup[] = [
        { ...plain, group: text },
        { ...plain, listen: { ...plain.listen, host: text } },
        { ...plain, listen: { ...plain.listen, port: value } },
        { ...plain, maxInFlight: value },
        { ...plain, maxBodyBytes: value },
        { ...plain, timeoutMs: value },
        { ...plain, maxTargets: value },
        { ...plain, ports: [value] },
        { ...plain, hostnames: [text] },
        { ...plain, hostnames: [`*.${text}`] },
        { ...plain, hostnames: [`a.*.${text}`] },
        { ...plain, members: [{ host: text, port: 80 }] },
        { ...plain, members: [{ host: '10.0.0.1', port: value }] },
        { ...plain, tls: { certificate: `x${text}`, key: '/k' } },
        { ...plain, tls: { certificate: '/c', key: `/\0${text}` } },
        { ...plain, members: [{ host: `::1%${text}`, port: 80 }] },
        { ...plain, balance: text as 'round_robin' },
        { ...plain, hostnames: [text] },
        { ...plain, members: [{ host: text, port: 80 }] },
        { ...plain, members: [{ host: '127.0.0.1', port: value }] },
        { ...plain, targets: [{ ...target, instance: text }] },
        { ...plain, targets: [{ ...target, host: text }] },
        { ...plain, targets: [{ ...target, host: `::1%${text}` }] },
        { ...plain, targets: [{ ...target, port: value }] },
        // With a slash first `0../` may be the plain name of a folder.
        { ...plain, targets: [{ ...target, socket: text.replace(/^\/+/, '') }] },
        { ...plain, targets: [{ ...target, socket: `/x${text.replace('../', '/../')}` }] },
      ]
      for (const group of changed) assert.notEqual(refusal(group), undefined, JSON.stringify(group))
    }),
    { numRuns: 300 },
  )
})

test('whatever is let through is accepted by NGINX', needsNginx, async () => {
  const folder = mkdtempSync(join(tmpdir(), 'plimsoll-written-'))
  mkdirSync(join(folder, 'logs'))
  const run = join(folder, 'run')
  mkdirSync(run)
  makeBase(run)
  makeEpoch(run, 1)
  const texts = fc.oneof(hostile, fc.stringMatching(/^[a-z][a-z0-9-]{0,40}$/), fc.string())
  const hosts = fc.oneof(
    fc.ipV4(),
    fc.ipV6(),
    hostile,
    fc.constantFrom('localhost', '::', '0.0.0.0'),
  )
  const whole = fc.oneof(fc.integer(), fc.integer({ min: 1, max: 65_535 }), fc.double())
  const targets = fc.record({
    instance: texts,
    host: hosts,
    port: whole,
    socket: fc.option(fc.oneof(hostile, fc.constant('/tmp/a.sock')), { nil: undefined }),
    state: fc.constantFrom('active', 'draining'),
  })
  const groups = fc.record({
    group: texts,
    listen: fc.record({ host: hosts, port: fc.integer({ min: 20_000, max: 30_000 }) }),
    balance: fc.constantFrom('round_robin', 'least_connections'),
    maxInFlight: fc.oneof(whole, fc.constant(10)),
    queueTimeoutMs: fc.constant(1_000),
    maxBodyBytes: fc.oneof(whole, fc.constant(10)),
    timeoutMs: fc.oneof(whole, fc.constant(10)),
    trustForwarded: fc.boolean(),
    maxTargets: fc.integer({ min: 1, max: 60 }),
    targets: fc.array(targets, { maxLength: 3 }),
    hostnames: fc.array(names, { maxLength: 3 }),
    members: fc.array(fc.record({ host: hosts, port: whole }), { maxLength: 2 }),
  })
  let written = 0
  await fc.assert(
    fc.asyncProperty(fc.array(groups, { maxLength: 3 }), async (raw) => {
      const names = new Set<string>()
      const accepted = (raw as BalancerGroup[]).filter((group) => {
        // NGINX listens on addresses of this machine alone.
        const isOurs = ['127.0.0.1', '::1', 'localhost', '::', '0.0.0.0'].includes(
          group.listen.host,
        )
        const key = `${group.group}`
        if (refusal(group) !== undefined || !isOurs || names.has(key)) return false
        names.add(key)
        return true
      })
      written += accepted.length
      const text = renderConfig(stateOf(accepted), {
        run,
        account: workerAccount(),
        workers: 2,
        files: 1024,
      })
      for (const group of stateOf(accepted).groups) makeFolders(run, 1, group)
      const path = join(folder, 'nginx.conf')
      writeFileSync(path, text)
      assert.equal(await testConfig(nginx ?? '', folder, path), undefined, text)
    }),
    { numRuns: 200, examples: [[[{ ...plain, targets: [target] }]]] as never },
  )
  rmSync(folder, { recursive: true, force: true })
  assert.ok(written > 0)
})

test(
  'groups on one address, many long names and TLS are accepted by NGINX',
  needsNginx,
  async () => {
    const folder = mkdtempSync(join(tmpdir(), 'plimsoll-written-'))
    const run = join(folder, 'run')
    for (const made of [run, join(folder, 'logs'), join(folder, 'tls')]) mkdirSync(made)
    makeBase(run)
    makeEpoch(run, 1)
    const files = ['-keyout', join(folder, 'tls/abc.key'), '-out', join(folder, 'tls/abc.crt')]
    const kind = ['-x509', '-nodes', '-newkey', 'rsa:2048', '-subj', '/CN=shop.example']
    execFileSync('openssl', ['req', ...kind, ...files], { stdio: 'ignore' })
    const long = (n: number) => `${`${'x'.repeat(60)}.`.repeat(3)}${'y'.repeat(60)}${n + 100}.ab`
    const hostnames = Array.from({ length: 100 }, (_, n) => long(n))
    const one = { ...plain, hostnames }
    const two = { ...plain, group: 'api', hostnames: ['shop.example', '*.shop.example'] }
    assert.deepEqual([refusal(one), refusal(two)], [undefined, undefined])
    const state = stateOf([one, two])
    const path = join(folder, 'nginx.conf')
    for (const certificate of [{}, { certificate: 'abc' }]) {
      const groups = state.groups.map((group) => {
        return { ...group, ...certificate, group: { ...group.group, listen: plain.listen } }
      })
      for (const group of groups) makeFolders(run, 1, group)
      const settings = { run, account: workerAccount(), workers: 2, files: 1024 }
      const text = renderConfig({ ...state, groups }, settings)
      writeFileSync(path, text)
      assert.equal(await testConfig(nginx ?? '', folder, path), undefined)
      assert.equal(text.includes('ssl http2'), 'certificate' in certificate)
      const newer = renderConfig({ ...state, groups }, { ...settings, hasHttp2Directive: true })
      assert.equal(/listen .*http2/.test(newer), false)
      assert.equal(newer.includes('http2 on;'), 'certificate' in certificate)
      const newest = renderConfig(
        { ...state, groups },
        { ...settings, hasKeepaliveMinTimeout: true },
      )
      assert.deepEqual(
        [text, newest].map((one) => one.includes('keepalive_min_timeout 5s;')),
        [false, true],
      )
    }
    rmSync(folder, { recursive: true, force: true })
  },
)

function stateOf(groups: readonly BalancerGroup[]): NginxState {
  const now = { atMs: 0, isHealthy: () => true, connections: () => 0 }
  // Addresses do not matter here, and two groups may not listen on one.
  const apart = groups.map((group, i) => ({
    ...group,
    listen: { ...group.listen, port: 20_000 + i * 100 },
  }))
  const states = apart.map((group) => {
    return withPool(withForwarders(withKept(shaped(group, undefined)), now), now)
  })
  return {
    bootId: '',
    generation: 1,
    epoch: 1,
    logPort: 18_000,
    logToken: 'abc',
    groups: states,
  }
}
