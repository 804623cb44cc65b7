// Whom the access log blames for what: the target that each try went to, and nobody in doubt.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { BalancerGroup } from '../../../core/ports.ts'
import type { GroupState } from '../state.ts'
import { type Logged, parseLine } from './access-log.ts'
import { instanceAt, Tries } from './tries.ts'

const GROUP: BalancerGroup = {
  group: 'web',
  listen: { host: '127.0.0.1', port: 8080 },
  balance: 'round_robin',
  maxInFlight: 100,
  queueTimeoutMs: 1_000,
  maxBodyBytes: 1_000,
  timeoutMs: 1_000,
  trustForwarded: false,
  targets: [1, 2].map((n) => {
    return { instance: `web-${n}`, host: '127.0.0.1', port: 20_000 + n, state: 'active' as const }
  }),
}

function stateOf(change: Partial<GroupState> = {}): GroupState {
  return {
    ...{ group: GROUP, reach: 'direct', addresses: [], slots: 16, kept: [], forwarders: {} },
    ...{ pool: '2.1', members: ['web-1', 'web-2'], used: {} },
    ...change,
  }
}

// token|group|status|seconds|upstream statuses|header times|addresses|flag
function line(status: number, header: string, addresses: string, flag = ''): Logged {
  const logged = parseLine(`t|web|${status}|0.010|${status}|${header}|${addresses}|${flag}|a`)
  assert.ok(logged)
  return logged
}

const SLOT = (slot: number, pool = '2.1') => `unix:/run/x/p/web/${pool}/${slot}`

test('an address is that of a target, or of a slot of the pool that serves', () => {
  assert.equal(instanceAt(stateOf(), '127.0.0.1:20002'), 'web-2')
  assert.equal(instanceAt(stateOf(), '127.0.0.1:20003'), undefined)
  assert.equal(instanceAt(stateOf(), SLOT(0)), 'web-1')
  assert.equal(instanceAt(stateOf(), SLOT(3)), 'web-2')
  assert.equal(instanceAt(stateOf(), SLOT(0, '2.0')), undefined)
  assert.equal(instanceAt(stateOf({ members: [] }), SLOT(0)), undefined)
})

test('of several tries all but the last failed, and the last where no answer came', () => {
  const tries = new Tries()
  const groups = [stateOf()]
  tries.logged(line(200, '-, 0.004', `${SLOT(0)}, ${SLOT(1)}`), groups, 0)
  tries.logged(line(200, '0.004', SLOT(0)), groups, 0)
  tries.logged(line(502, '-', SLOT(0)), groups, 0)
  assert.deepEqual(tries.read('web', 'web-1', 0), { requests: 3, failures: 2 })
  assert.deepEqual(tries.read('web', 'web-2', 0), { requests: 1, failures: 0 })
})

test('a client that left and a group without room blame nobody', () => {
  const tries = new Tries()
  tries.logged(line(499, '-', SLOT(0)), [stateOf()], 0)
  tries.logged(line(503, '-', '2_1_web'), [stateOf()], 0)
  assert.deepEqual(tries.read('web', 'web-1', 0), { requests: 1, failures: 0 })
})

test('targets that are gone are forgotten', () => {
  const tries = new Tries()
  tries.logged(line(200, '0.004', SLOT(0)), [stateOf()], 0)
  tries.keep([stateOf({ group: { ...GROUP, targets: [] } })])
  assert.deepEqual(tries.read('web', 'web-1', 0), { requests: 0, failures: 0 })
})
