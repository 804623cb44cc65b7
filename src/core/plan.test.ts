// From decisions to actions: growing, replacing, rolling, shrinking, one step at a time.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { groupSpec, specOf } from '../../tests/simulation/loop.ts'
import {
  dead,
  groupMemory,
  instance,
  NOW,
  observationOf,
  seenOf,
  targetOf,
} from '../../tests/simulation/moment.ts'
import { noteHealth } from './decide.ts'
import type { Replacement } from './health/model.ts'
import type {
  GroupMemory,
  GroupObservation,
  GroupSpec,
  Instance,
  Memory,
  TargetStatus,
} from './model.ts'
import { makePlan } from './plan.ts'

interface Given {
  readonly desired?: number
  readonly memory?: Partial<GroupMemory>
  readonly targets?: readonly TargetStatus[]
  readonly group?: Partial<GroupSpec>
  readonly connections?: number
  readonly shutdown?: boolean
  readonly seen?: Partial<GroupObservation>
}

function plan(instances: readonly Instance[], given: Given = {}): readonly string[] {
  const needs = given.connections === undefined ? [] : ['db']
  const group = groupSpec({ needs, ...given.group })
  const connections = { total: given.connections ?? 0, perInstance: 10 }
  const spec = specOf([group], { resources: [{ name: 'db', connections }] })
  // What is draining still holds a request, unless a test says otherwise.
  const targets = instances
    .filter((i) => i.phase === 'ready' || i.phase === 'draining')
    .map((i) => targetOf(i.id, i.phase === 'draining' ? { state: 'draining', inFlight: 1 } : {}))
  const seen = { ...seenOf(instances, {}, given.targets ?? targets), ...given.seen }
  const desired = given.desired ?? 2
  const before = groupMemory(desired, { nextInstance: 10, ...given.memory })
  const memory: Memory = {
    groups: { web: noteHealth(before, group, seen, NOW) },
    shutdown: given.shutdown ?? false,
  }
  return makePlan(spec, observationOf([seen]), memory).actions.map((a) => {
    return a.kind === 'start-balancer' ? a.kind : `${a.kind} ${a.instance}`
  })
}

const hung = (n: number, change: Partial<TargetStatus> = {}) => {
  return targetOf(`web-${n}`, { health: 'unhealthy', healthReason: 'no answer', ...change })
}
const well = (...ns: readonly number[]) => ns.map((n) => targetOf(`web-${n}`))
const fleet = (...ns: readonly number[]) => ns.map((n) => instance(n))
const newer = (n: number, change: Partial<Instance> = {}) => {
  return instance(n, { generation: 'aaaa.1', ...change })
}
const starting = (n: number, ageMs = 1_000, change: Partial<Instance> = {}) => {
  return instance(n, {
    phase: 'starting',
    startedAtMs: NOW - ageMs,
    phaseAtMs: NOW - ageMs,
    ...change,
  })
}
const draining = (n: number, ageMs = 1_000) => {
  return instance(n, { phase: 'draining', phaseAtMs: NOW - ageMs })
}
const replacingOf = (n: number, change: Partial<Replacement> = {}): Replacement => {
  const base = { instance: `web-${n}`, sinceMs: NOW - 1_000, reason: 'it hangs' }
  return { ...base, surge: false, breaks: false, ...change }
}
const ROLLING = { memory: { restarts: 1 } }

test('nothing to do is nothing', () => {
  assert.deepEqual(plan(fleet(1, 2)), [])
})

test('what is missing is started, under numbers that nobody had', () => {
  assert.deepEqual(plan([], { desired: 3 }), ['start web-10', 'start web-11', 'start web-12'])
  const memory = { nextInstance: 2 }
  assert.deepEqual(plan(fleet(1, 7), { desired: 3, memory }), ['start web-8'])
  const gone = [instance(1), dead(9), draining(12)]
  assert.ok(plan(gone, { memory }).includes('start web-13'))
})

test('what is ready is admitted, and what died is forgotten and replaced', () => {
  assert.deepEqual(plan([instance(1), instance(2)], { targets: well(1) }), ['admit web-2'])
  assert.deepEqual(plan([instance(1), dead(2)]), ['forget web-2', 'start web-10'])
})

test('a backoff puts off starts, and nothing else', () => {
  const failures = { count: 3, lastAtMs: NOW, retryAtMs: NOW + 2_000, reason: 'it broke' }
  assert.deepEqual(plan([instance(1), dead(2)], { memory: { failures } }), ['forget web-2'])
  const over = { ...failures, retryAtMs: NOW }
  assert.deepEqual(plan([instance(1)], { memory: { failures: over } }), ['start web-10'])
})

test('of too many the youngest leaves, and what does not serve yet before it', () => {
  assert.deepEqual(plan(fleet(1, 2, 3, 4)), ['drain web-4', 'drain web-3'])
  assert.deepEqual(plan([...fleet(1, 2), starting(3)]), ['stop web-3'])
  assert.deepEqual(plan([instance(1), starting(2), starting(3, 900)]), ['stop web-3'])
})

test('what serves is never given up for what does not serve yet', () => {
  const waiting = instance(3, { startedAtMs: NOW - 90_000 })
  assert.deepEqual(plan([...fleet(1, 2), waiting], { targets: well(1, 2) }), ['admit web-3'])
})

test('a slow start is killed and replaced', () => {
  const slow = starting(2, 10_001)
  const actions = plan([instance(1), slow])
  assert.deepEqual(actions, ['start web-10', 'kill web-2'])
  assert.deepEqual(plan([instance(1), starting(2, 10_000)]), [])
})

test('a hung one is replaced and drained; killed where it stays hung', () => {
  const three = { desired: 3, targets: [...well(1, 2), hung(3)] }
  assert.deepEqual(plan(fleet(1, 2, 3), three), ['start web-10', 'drain web-3'])
  const left = (ageMs: number) => {
    return plan([...fleet(1, 2), draining(3, ageMs)], {
      targets: [...well(1, 2), hung(3, { state: 'draining', inFlight: 2 })],
    })
  }
  assert.deepEqual(left(5_000), [])
  assert.deepEqual(left(5_001), ['kill web-3'])
})

test('of several hung ones the next leaves once the first is made up for', () => {
  const two = { desired: 4, targets: [...well(1, 2), hung(3), hung(4)] }
  assert.deepEqual(plan(fleet(1, 2, 3, 4), two), ['start web-10', 'drain web-3'])
  const replacing = replacingOf(3)
  const meanwhile = [instance(1), instance(2), draining(3), instance(4), starting(10)]
  assert.deepEqual(plan(meanwhile, { ...two, memory: { replacing } }), [])
})

test('where the rest is full the new one serves before the hung one leaves', () => {
  const memory = { replacing: replacingOf(2, { surge: true }) }
  const first = { memory, targets: [...well(1), hung(2)] }
  assert.deepEqual(plan(fleet(1, 2), first), ['start web-10'])
  assert.deepEqual(plan([...fleet(1, 2), starting(10)], first), [])
  const arrived = { memory, targets: [...well(1, 10), hung(2)] }
  assert.deepEqual(plan(fleet(1, 2, 10), arrived), ['drain web-2'])
  assert.deepEqual(plan(fleet(1, 2), { ...first, connections: 20 }), ['drain web-2'])
  const since = { sinceMs: NOW - 5_000, fullAtMs: NOW - 1_000 }
  const outage = { cause: 'capacity', reason: 'full', probes: 0, ...since } as const
  const full = { memory: { ...memory, outage }, connections: 20, targets: [hung(1), hung(2)] }
  assert.deepEqual(plan(fleet(1, 2), full), [])
})

test('nothing is replaced while the balancer does not answer', () => {
  const seen: Partial<GroupObservation> = { balancer: { kind: 'down', reason: 'no answer' } }
  const memory = { replacing: replacingOf(2) }
  assert.deepEqual(plan([...fleet(1, 2), starting(10)], { seen, memory }), ['start-balancer'])
})

test('of too many one that fails its check leaves first', () => {
  const three = { targets: [hung(1, { healthSinceMs: NOW }), ...well(2, 3)] }
  assert.deepEqual(plan(fleet(1, 2, 3), three), ['drain web-1'])
})

test('a roll: one more, ready, then one old one drains, until none is left', () => {
  assert.deepEqual(plan(fleet(1, 2), ROLLING), ['start web-10'])
  const surge = starting(10, 1_000, { generation: 'aaaa.1' })
  assert.deepEqual(plan([...fleet(1, 2), surge], ROLLING), [])
  const unadmitted = { ...ROLLING, targets: well(1, 2) }
  assert.deepEqual(plan([...fleet(1, 2), newer(10)], unadmitted), ['admit web-10'])
  assert.deepEqual(plan([...fleet(1, 2), newer(10)], ROLLING), ['drain web-2'])
  assert.deepEqual(plan([instance(1), draining(2), newer(10)], ROLLING), ['start web-11'])
  assert.deepEqual(plan([newer(10), newer(11)], ROLLING), [])
})

test('while rolling only old ones leave, however many are over', () => {
  const fewer = { ...ROLLING, desired: 1 }
  assert.deepEqual(plan([instance(1), newer(10), newer(11)], fewer), ['drain web-1'])
})

test('a roll goes on with other settings than the file had', () => {
  const run = { ...groupSpec().run, hash: 'bbbb' }
  assert.deepEqual(plan(fleet(1, 2), { group: { run } }), ['start web-10'])
})

test('a roll that stopped leaves the old ones alone', () => {
  const rolloutFailed = { generation: 'aaaa.1', reason: 'it broke' }
  assert.deepEqual(plan(fleet(1, 2), { memory: { restarts: 1, rolloutFailed } }), [])
  const earlier = { generation: 'aaaa.0', reason: 'it broke' }
  const memory = { restarts: 1, rolloutFailed: earlier }
  assert.deepEqual(plan(fleet(1, 2), { memory }), ['start web-10'])
})

test('a roll without room for one more lets an old one go first', () => {
  const tight = { ...ROLLING, connections: 20 }
  assert.deepEqual(plan(fleet(1, 2), tight), ['drain web-2'])
  assert.deepEqual(plan([instance(1), draining(2)], tight), [])
  assert.deepEqual(plan([instance(1)], tight), ['start web-10'])
  const surge = starting(10, 1_000, { generation: 'aaaa.1' })
  assert.deepEqual(plan([instance(1), surge], tight), [])
  assert.deepEqual(plan([instance(1), newer(10)], tight), ['drain web-1'])
})

test('starts stay within the budget, those counted that still leave', () => {
  const given = { desired: 5, connections: 40 }
  assert.deepEqual(plan(fleet(1, 2), given), ['start web-10', 'start web-11'])
  assert.deepEqual(plan([...fleet(1, 2), draining(3)], given), ['start web-10'])
})

test('a drained one is stopped once it is idle, or after its time', () => {
  const busy = (ageMs: number, inFlight: number) => {
    return plan([...fleet(1, 2), draining(3, ageMs)], {
      targets: [...well(1, 2), targetOf('web-3', { state: 'draining', inFlight })],
    })
  }
  assert.deepEqual(busy(100, 0), ['stop web-3'])
  assert.deepEqual(busy(9_000, 1), [])
  assert.deepEqual(busy(10_001, 1), ['stop web-3'])
  const unseen = { targets: well(1, 2) }
  assert.deepEqual(plan([...fleet(1, 2), draining(3)], unseen), [])
  assert.deepEqual(plan([...fleet(1, 2), draining(3, 10_001)], unseen), ['stop web-3'])
})

test('a worker needs no balancer to serve or to be drained', () => {
  const { http: _none, ...worker } = groupSpec()
  const { balancer: _down, ...seen } = seenOf([...fleet(1, 2), draining(3)])
  const spec = specOf([worker])
  const memory = { groups: { web: groupMemory(2) }, shutdown: false }
  const { actions } = makePlan(spec, observationOf([seen]), memory)
  assert.deepEqual(
    actions.map((a) => a.kind),
    ['stop'],
  )
})

test('what does not stop in time is killed', () => {
  const stopping = (ageMs: number) => {
    return instance(3, { phase: 'stopping', phaseAtMs: NOW - ageMs })
  }
  assert.deepEqual(plan([...fleet(1, 2), stopping(10_000)]), [])
  assert.deepEqual(plan([...fleet(1, 2), stopping(10_001)]), ['kill web-3'])
})

test('a shutdown stops what lives and forgets what ended', () => {
  const all = [instance(1), starting(2), draining(3), dead(4)]
  const actions = plan(all, { desired: 0, shutdown: true })
  assert.deepEqual(actions, ['forget web-4', 'stop web-1', 'stop web-2', 'stop web-3'])
})

test('a balancer that is down is started first, but not while shutting down', () => {
  const seen: Partial<GroupObservation> = { balancer: { kind: 'down', reason: 'no answer' } }
  assert.deepEqual(plan(fleet(1, 2), { seen }), ['start-balancer'])
  assert.deepEqual(plan([], { seen, desired: 0, shutdown: true }), [])
})

test('instances that can not be seen are left alone', () => {
  const fault = { code: 'E_TIMEOUT', message: 'too slow', retryable: true }
  const seen: Partial<GroupObservation> = { status: { kind: 'unknown', fault } }
  assert.deepEqual(plan(fleet(1), { seen, desired: 5 }), [])
})
