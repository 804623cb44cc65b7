// The `step` policy: bounds and changes as in AWS step scaling, its rounding, its warm-up.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { groupSpec } from '../../../tests/simulation/loop.ts'
import {
  contextOf,
  groupMemory,
  instance,
  MISSING,
  NOW,
  seenOf,
  value,
} from '../../../tests/simulation/moment.ts'
import type { GroupReadings, Instance } from '../model.ts'
import type { Step, StepSignal } from './model.ts'
import { step } from './step.ts'
import { signalsOf } from './target.ts'

const above = (bound: number, by: number, unit: Step['unit'] = 'instances'): Step => {
  return { side: 'above', bound, by, unit }
}
const below = (bound: number, by: number, unit: Step['unit'] = 'instances'): Step => {
  return { side: 'below', bound, by, unit }
}
const STEPS = [above(70, 1), above(90, 3), below(30, 1), below(10, 2)]
const ten = Array.from({ length: 10 }, (_, n) => instance(n + 1))

function ask(
  steps: readonly Step[],
  readings: Partial<GroupReadings>,
  instances: readonly Instance[] = ten,
  kind: StepSignal['kind'] = 'cpu',
): readonly [to: number | undefined, reason: string] {
  const group = groupSpec({ signals: [], steps: [{ kind, steps }] })
  const seen = seenOf(instances, readings)
  const [only, ...rest] = step(contextOf({ group, seen, memory: groupMemory(instances.length) }))
  assert.deepEqual([only?.policy, rest], [`step.${kind}`, []])
  return [only?.kind === 'want' ? only.instances : undefined, only?.reason ?? '']
}

const cpu = (percent: number) => ({ cpuPercent: value(percent) })

test('the outermost bound that is passed holds, on either side; between them nothing changes', () => {
  const wants = [5, 10, 29.9, 30, 50, 70, 70.1, 90, 95].map((c) => ask(STEPS, cpu(c))[0])
  assert.deepEqual(wants, [8, 9, 9, 10, 10, 10, 11, 11, 13])
  assert.equal(ask(STEPS, cpu(95))[1], '95 % of a core is above 90: 3 more than 10 wants 13')
  assert.equal(ask(STEPS, cpu(5))[1], '5 % of a core is below 10: 2 fewer wants 8')
  assert.equal(ask(STEPS, cpu(50))[1], '50 % of a core is between the bounds')
})

test('shares round down, and never to nothing', () => {
  const share = (percent: number, count: number) => {
    return ask([above(70, percent, 'percent')], cpu(80), ten.slice(0, count))[0]
  }
  assert.deepEqual([share(25, 10), share(10, 10), share(10, 5), share(100, 3)], [12, 11, 6, 6])
  assert.equal(ask([below(30, 25, 'percent')], cpu(5))[0], 8)
})

test('requests count per instance', () => {
  const steps = [above(20, 2), below(5, 1)]
  assert.equal(ask(steps, { inFlight: value(210) }, ten, 'in_flight')[0], 12)
  assert.equal(ask(steps, { inFlight: value(190) }, ten, 'in_flight')[0], 10)
  assert.equal(ask(steps, { rps: value(40) }, ten, 'rps')[0], 9)
})

test('while what was added warms up, the same bound adds nothing, a higher one the difference', () => {
  const warming = [
    ...ten.slice(0, 4),
    instance(5, { phase: 'starting' }),
    instance(6, { phaseAtMs: NOW - 9_999 }),
  ]
  assert.equal(ask([above(70, 2)], cpu(80), warming)[0], 6)
  assert.match(ask([above(70, 2)], cpu(80), warming)[1], /what was added still warms up/)
  assert.equal(ask([above(70, 2), above(90, 5)], cpu(95), warming)[0], 9)
  assert.equal(ask([below(30, 1)], cpu(5), warming)[0], 6)
  const warm = [...ten.slice(0, 5), instance(6, { phaseAtMs: NOW - 10_000 })]
  assert.equal(ask([above(70, 2)], cpu(80), warm)[0], 8)
  assert.equal(ask([below(30, 1)], cpu(5), warm)[0], 5)
})

test('the last one stays: with none, nothing would be measured', () => {
  assert.equal(ask([below(30, 3)], cpu(5), ten.slice(0, 2))[0], 1)
  assert.equal(ask([below(30, 3)], cpu(5), ten.slice(0, 1))[0], 1)
})

test('without a reading it is blind; where nothing is to run, it only has nothing to say', () => {
  assert.deepEqual(ask(STEPS, { cpuPercent: MISSING }), [undefined, 'no reading: out of order'])
  const blind = (current: number) => {
    const group = groupSpec({ steps: [{ kind: 'cpu', steps: STEPS }] })
    const seen = seenOf([], { cpuPercent: MISSING })
    const [only] = step(contextOf({ group, seen, memory: groupMemory(current) }))
    return only?.kind === 'abstain' && only.blind
  }
  assert.deepEqual([blind(0), blind(1)], [false, true])
})

test('CPU in steps takes the place of the threshold', () => {
  const kinds = (kind: StepSignal['kind']) => {
    const group = groupSpec({ signals: [], steps: [{ kind, steps: STEPS }] })
    return signalsOf(contextOf({ group })).map((s) => s.kind)
  }
  assert.deepEqual([kinds('cpu'), kinds('rps')], [[], ['cpu']])
  assert.deepEqual(step(contextOf({})), [])
})
