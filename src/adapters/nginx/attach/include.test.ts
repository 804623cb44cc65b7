// Our file changes nothing for the other servers of an installation.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { BalancerGroup } from '../../../core/ports.ts'
import type { NginxState } from '../state.ts'
import { renderInclude } from './include.ts'
import { attachedShape } from './shape.ts'

const OLD = { hasHttp2Directive: false, hasKeepaliveMinTimeout: false }
const ID = 'ab12cd34ef567890'
const GROUP: BalancerGroup = {
  group: 'web-ab12',
  listen: { host: '127.0.0.1', port: 8080 },
  balance: 'round_robin',
  maxInFlight: 10,
  queueTimeoutMs: 1_000,
  maxBodyBytes: 1_000,
  timeoutMs: 1_000,
  trustForwarded: false,
  ports: [3000, 3001],
  targets: [],
}

async function rendered(change: Partial<NginxState['groups'][number]> = {}, generation = 7) {
  const { state } = await attachedShape(GROUP, undefined)
  const whole: NginxState = {
    ...{ bootId: 'b', generation, epoch: 0, logPort: 18_000, logToken: 'abcdef' },
    groups: [{ ...state, ...change }],
  }
  const owner = { id: ID, stateDir: '/srv/plimsoll_shop' }
  const run = '/var/lib/plimsoll_x/plimsoll-0'
  return renderInclude(whole, { run, pairs: run, owner, ...OLD })
}

/** The directives that stand in `http`, and not in a block of ours. */
function outermost(text: string): readonly string[] {
  const bare = text
    .replace(/#.*$/gm, '')
    .replace(/"(\\.|[^"])*"|'[^']*'/g, '_')
    .replace(/\$\{\w+\}/g, '_')
  const found: string[] = []
  let depth = 0
  let word = ''
  for (const [part] of bare.matchAll(/[{};]|[^{};]+/g)) {
    if (part === '{' || part === ';') {
      if (depth === 0) found.push(word.trim())
      depth += part === '{' ? 1 : 0
    }
    if (part === '}') depth -= 1
    word = part
  }
  return found
}

test('in `http` stand only definitions, and all of their names are ours', async () => {
  const directives = outermost(await rendered())
  const kinds = new Set(directives.map((line) => line.split(/\s+/)[0]))
  assert.deepEqual([...kinds].sort(), [
    ...['geo', 'limit_req_zone', 'log_format', 'map', 'server', 'split_clients', 'upstream'],
  ])
  for (const line of directives) {
    const [kind = '', ...rest] = line.split(/\s+/)
    const name = kind === 'limit_req_zone' ? rest[1] : rest.find((_, i) => i === rest.length - 1)
    if (kind === 'log_format') assert.equal(rest[0], 'pab12_lines')
    else if (kind === 'upstream') assert.match(name ?? '', /_web-ab12$|^plimsoll_web$/)
    else if (kind !== 'server') assert.match(name ?? '', /^(\$|zone=)pab12_/, line)
  }
})

test('servers share an address without changing it', async () => {
  const own = await rendered()
  assert.doesNotMatch(own, /reuseport|default_server|listen unix/)
  const group = { ...GROUP, hostnames: ['shop.test'] }
  const named = await rendered({ group })
  assert.match(named, /listen 127\.0\.0\.1:8080;\n {4}server_name "";/)
  const shared = await rendered({ group, isShared: true, certificate: 'c' })
  assert.doesNotMatch(shared, /server_name ""|reuseport|default_server| http2/)
  assert.match(await rendered({ certificate: 'c' }), /listen 127\.0\.0\.1:8080 ssl http2;/)
})

test('paths keep their names', async () => {
  const text = await rendered({ certificate: 'c' })
  assert.match(text, /root \/var\/lib\/plimsoll_x\/plimsoll-0\/web-ab12\.now;/)
  assert.match(text, /ssl_certificate \/var\/lib\/plimsoll_x\/plimsoll-0\/tls\/c\.crt;/)
  assert.match(text, /state folder is \/srv\/plimsoll_shop$/m)
})

test('a generation asks its own clients to leave, and not those of the one before', async () => {
  const [odd, even] = await Promise.all([rendered({}, 7), rendered({}, 8)])
  assert.match(odd, /\[.\]leaving1\$" D/)
  assert.match(odd, /\(\[.\]leaving0\)\?\$" d/)
  assert.match(even, /\[.\]leaving0\$" D/)
  assert.match(even, /\(\[.\]leaving1\)\?\$" d/)
})
