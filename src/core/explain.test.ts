// The words of a tick: every fact that a decision stood on, in a line of its own.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  dead,
  instance,
  MISSING,
  NOW,
  observationOf,
  seenOf,
  targetOf,
  value,
} from '../../tests/simulation/moment.ts'
import { fault } from './errors.ts'
import { explain, headline, words } from './explain.ts'
import type { Action, Decision, Tick } from './model.ts'

const grown: Decision = {
  group: 'web',
  mode: 'enforce',
  from: 2,
  to: 5,
  reason: '62 in flight at 14 per instance wants 5',
  recommendations: [
    { kind: 'want', policy: 'target.in_flight', instances: 5, reason: '62 in flight' },
    { kind: 'abstain', policy: 'target.cpu', reason: 'no reading: out of order', blind: true },
  ],
  adjustments: [{ guard: 'bounds', from: 9, to: 5, reason: 'max_instances is 5' }],
}
const start: Action = {
  kind: 'start',
  group: 'web',
  instance: 'web-3',
  generation: 'a.0',
  reason: '3 wanted',
}
const other: Action = { kind: 'drain', group: 'jobs', instance: 'jobs-1', reason: '0 wanted' }
const tick: Tick = {
  id: 42,
  specHash: 'a',
  coreVersion: '1',
  observation: observationOf([
    seenOf([instance(1), instance(2), dead(3)], { inFlight: value(62.04), cpuPercent: MISSING }),
  ]),
  decisions: [grown, { ...grown, group: 'jobs', to: 2, reason: 'nothing to do' }],
  plan: { actions: [start, other] },
}

test('one line says what was decided', () => {
  assert.equal(headline(grown), 'web 2 → 5: 62 in flight at 14 per instance wants 5')
  assert.equal(headline({ ...grown, to: 2 }), `web stays at 2: ${grown.reason}`)
  const observed = headline({ ...grown, mode: 'observe' })
  assert.equal(observed, `web 2 → 5 (observe: not done): ${grown.reason}`)
})

test('the explanation has what was seen, wanted, allowed and planned', () => {
  const [time, head, seen, ...rest] = explain(tick, 'web')
  assert.equal(time, 'tick 42 at 1970-01-01T02:46:40.000Z')
  assert.equal(head, 'web 2 → 5: 62 in flight at 14 per instance wants 5')
  for (const fact of [
    /^ {2}seen: 2 ready and 1 exited, in flight 62, requests\/s 80, p99 ms 100, /,
    /host CPU % 20/,
    /CPU % of a core missing \(out of order\)/,
  ]) {
    assert.match(seen ?? '', fact)
  }
  assert.deepEqual(rest, [
    '  target.in_flight wants 5: 62 in flight',
    '  target.cpu abstains: no reading: out of order',
    '  guard bounds: 9 → 5, max_instances is 5',
    '  planned, outcome unknown: start web-3: 3 wanted',
  ])
})

test('outcomes stand where the plan stood, with their reasons', () => {
  const outcomes = [
    { kind: 'failed', action: start, fault: fault('E_NO_PORT', 'no port is free') },
    { kind: 'skipped', action: other, reason: 'it is gone' },
  ] as const
  const lines = explain({ ...tick, outcomes })
  assert.ok(lines.includes('  failed: start web-3: 3 wanted (no port is free)'))
  assert.ok(lines.includes('  skipped: drain jobs-1: 0 wanted (it is gone)'))
  assert.ok(!lines.some((l) => l.includes('planned')))
  assert.ok(!explain({ ...tick, outcomes }, 'web').some((l) => l.includes('jobs')))
})

test('an interrupted tick, a balancer that is down and instances unseen are said', () => {
  assert.equal(words({ kind: 'start-balancer', reason: 'gone' }), 'start the balancer: gone')
  const status = { kind: 'unknown', fault: fault('E_TIMEOUT', 'too slow') } as const
  const seen = { ...seenOf([]), status, balancer: { kind: 'down', reason: 'no answer' } as const }
  const text = explain({ ...tick, observation: observationOf([seen]) }, 'web').join('\n')
  assert.match(text, /instances unknown \(too slow\)/)
  assert.match(text, /balancer down \(no answer\)/)
  assert.match(
    explain({ ...tick, observation: observationOf([seenOf([])]) })[2] ?? '',
    /no instance/,
  )
})

test('failing checks and errors are said where there are any', () => {
  const failing = targetOf('web-2', { health: 'unhealthy', healthReason: 'GET / answered 503' })
  const targets = [targetOf('web-1'), failing]
  const seen = seenOf([instance(1), instance(2)], { errorsRatio: value(0.0512) }, targets)
  const [, , line] = explain({ ...tick, observation: observationOf([seen]) }, 'web')
  assert.match(
    line ?? '',
    /2 ready, 1 of 2 fail their check \(GET \/ answered 503\), 5.1 % of responses are errors, in/,
  )
  assert.doesNotMatch(explain(tick, 'web').join(), /check|errors/)
})

test('how old a reading is, is said from three seconds on', () => {
  const rps = { kind: 'value', value: 80, atMs: NOW - 12_340 } as const
  const p99Ms = { kind: 'value', value: 100, atMs: NOW - 2_900 } as const
  const observation = observationOf([seenOf([instance(1)], { rps, p99Ms })])
  const [, , line] = explain({ ...tick, observation }, 'web')
  assert.match(line ?? '', /in flight 8, requests\/s 80 \(12\.3 s old\), p99 ms 100,/)
})

test('what bound the number is said last, with what it would have been without', () => {
  const last = (counterfactual: NonNullable<Decision['counterfactual']>) => {
    return explain({
      ...tick,
      decisions: [{ ...grown, counterfactual }],
      plan: { actions: [] },
    }).at(-1)
  }
  const bounds = { part: 'guard', without: 'bounds' } as const
  assert.equal(last({ ...bounds, to: 9 }), '  binding: guard bounds; without it: 9')
  assert.equal(last({ ...bounds, to: 5 }), '  binding: guard bounds; without it: still 5')
  const policy = { part: 'policy', without: 'schedule', to: 2 } as const
  assert.equal(last(policy), '  binding: policy schedule; without it: 2')
})
