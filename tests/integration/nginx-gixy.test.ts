// The written configuration in the eyes of gixy, which knows the faults that people make.
import { strict as assert } from 'node:assert'
import { execFile } from 'node:child_process'
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import type { BalancerGroup } from '../../src/core/ports.ts'
import { freePort, NEVER } from '../../src/testing/balancer/stage.ts'
import { findGixy } from '../../tools/packages.ts'
import { createSubject, missing } from './nginx-subject.ts'

const gixy = findGixy()
const skip = missing || (gixy === undefined && 'gixy is not installed (npm test does)')

/** What gixy says that is not so here, and why. */
const SKIPPED = [
  // Host is passed on as the client sent it: an application is to see the name and port it was
  // asked by. Nothing of NGINX's own is decided by it but the hostnames that the file lists.
  'host_spoofing',
  // What a variable in proxy_pass may hold is listed in maps: upstreams of this configuration and
  // plain addresses. There is no name to resolve.
  'missing_resolver',
]

interface Finding {
  readonly plugin: string
  readonly severity: string
  readonly reason: string
  readonly config: string
}

function findings(config: string): Promise<readonly Finding[]> {
  const argv = ['--format', 'json', '--skips', SKIPPED.join(','), config]
  return new Promise((resolve, reject) => {
    // It exits with 1 where it found something.
    execFile(gixy ?? '', argv, (error, stdout, stderr) => {
      if (!stdout.trimStart().startsWith('[')) reject(error ?? new Error(stderr))
      else resolve(JSON.parse(stdout) as readonly Finding[])
    })
  })
}

async function groupsOf(sockets: string): Promise<readonly BalancerGroup[]> {
  const groups: BalancerGroup[] = []
  for (const reach of ['tcp', 'unix'] as const) {
    for (const trustForwarded of [false, true]) {
      const group = `${reach}-${trustForwarded ? 'trusting' : 'strict'}`
      const socket = reach === 'unix' ? { socket: join(sockets, `${group}.sock`) } : {}
      groups.push({
        ...{ group, trustForwarded },
        listen: { host: '127.0.0.1', port: await freePort() },
        balance: trustForwarded ? 'least_connections' : 'round_robin',
        ...{ maxInFlight: 10, queueTimeoutMs: 1_000, maxBodyBytes: 1_000, timeoutMs: 1_000 },
        hostnames: trustForwarded ? ['shop.example', '*.shop.example'] : [],
        members: [],
        targets: [1, 2].map((n) => {
          const instance = `${group}-${n}`
          return { instance, host: '127.0.0.1', port: 3_000 + n, ...socket, state: 'active' }
        }),
      })
    }
  }
  return groups
}

test('gixy finds nothing in what is written, and finds what is planted', { skip }, async () => {
  const subject = createSubject('unix')
  const folder = mkdtempSync(join(tmpdir(), 'plimsoll-gixy-'))
  try {
    assert.equal(await subject.balancer.start(NEVER), undefined)
    const groups = await groupsOf(subject.sockets ?? folder)
    assert.equal(await subject.balancer.configure(groups, NEVER), undefined)
    const path = join(folder, 'nginx.conf')
    copyFileSync(join(subject.prefix, 'nginx.conf'), path)
    const text = readFileSync(path, 'utf8')
    for (const { group } of groups) assert.ok(text.includes(group), group)
    assert.deepEqual(await findings(path), [])

    const plants = [
      [/proxy_pass http:\/\/\$plimsoll_\w+;/, 'proxy_pass http://$http_host;', 'ssrf'],
      [/return 502 /, 'add_header X-Path $uri; return 502 ', 'http_splitting'],
    ] as const
    for (const [place, planted, plugin] of plants) {
      writeFileSync(
        path,
        text.replace(place, () => planted),
      )
      const found = (await findings(path)).filter(({ severity }) => /HIGH|MEDIUM/.test(severity))
      assert.ok(
        found.some((finding) => finding.plugin === plugin),
        `${plugin}: ${JSON.stringify(found)}`,
      )
    }
  } finally {
    await subject.dispose()
    rmSync(folder, { recursive: true, force: true })
  }
})
