// The guard `projection`: every policy is asked again as if only the remaining ones were there.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { groupSpec } from '../../../tests/simulation/loop.ts'
import {
  contextOf,
  groupMemory,
  instance,
  NOW,
  seenOf,
  value,
} from '../../../tests/simulation/moment.ts'
import type { GroupMemory, GroupSpec } from '../model.ts'
import { POLICIES } from '../policies/list.ts'
import type { Step } from '../policies/model.ts'
import { projection } from './projection.ts'

const UP: Step = { side: 'above', bound: 45, by: 2, unit: 'instances' }
const DOWN: Step = { side: 'below', bound: 30, by: 2, unit: 'instances' }

function ask(
  wanted: number,
  current: number,
  {
    group,
    cpu = 20,
    rps = 80,
    memory = {},
  }: {
    readonly group: Partial<GroupSpec>
    readonly cpu?: number
    readonly rps?: number
    readonly memory?: Partial<GroupMemory>
  },
): readonly [to: number, reason: string] {
  const fleet = Array.from({ length: current }, (_, n) => instance(n + 1))
  const seen = seenOf(fleet, { cpuPercent: value(cpu), rps: value(rps) })
  const spec = groupSpec({ signals: [], ...group })
  const context = contextOf({ group: spec, seen, memory: groupMemory(current, memory) })
  const recommendations = POLICIES.flatMap((policy) => policy(context))
  const adjustment = projection(wanted, context, recommendations)
  assert.notEqual(adjustment?.to, wanted)
  return [adjustment?.to ?? wanted, adjustment?.reason ?? '']
}

test('steps that would be taken back: 28 % on five is 46.7 % on three, above the bound for more', () => {
  const group = { steps: [{ kind: 'cpu', steps: [UP, DOWN] }] } as const
  const [to, reason] = ask(3, 5, { group, cpu: 28 })
  assert.equal(to, 4)
  assert.match(reason, /^with 3, step\.cpu would want 5 again: 46\.7 % of a core is above 45/)
  assert.equal(ask(3, 5, { group, cpu: 26 })[0], 3)
  assert.equal(ask(3, 4, { group, cpu: 40 })[0], 4)
})

test('CPU that would reach its ceiling: 59 % on five is 98 % on three, which measures nothing', () => {
  const scaling = { ...groupSpec().scaling, thresholdPercent: 100 }
  const [to, reason] = ask(3, 5, { group: { scaling }, cpu: 59 })
  assert.equal(to, 4)
  assert.match(reason, /with 3, target\.cpu would want 6 again: CPU is at its ceiling/)
  assert.equal(ask(3, 5, { group: { scaling }, cpu: 54 })[0], 3)
})

test('what `target` computes itself is left as it is, and scale-out too', () => {
  const group = { signals: [{ kind: 'rps', target: 40 }] } as const
  assert.equal(ask(3, 8, { group, rps: 120 })[0], 3)
  assert.equal(ask(6, 3, { group, rps: 240 })[0], 6)
})

test('a load per instance at which the SLO was missed a short while ago is not gone back to', () => {
  const latencyStep = { atMs: NOW - 60_000, from: 2, to: 3, p99Ms: 500, rps: 100 }
  const [to, reason] = ask(1, 3, { group: {}, rps: 70, memory: { latencyStep } })
  assert.equal(to, 2)
  assert.match(reason, /with 1, each would carry 70 requests\/s, and p99 was 500 ms at 50/)
  assert.equal(ask(1, 3, { group: {}, rps: 49, memory: { latencyStep } })[0], 1)
  const past = { ...latencyStep, atMs: NOW - 16 * 60_000 }
  assert.equal(ask(1, 3, { group: {}, rps: 70, memory: { latencyStep: past } })[0], 1)
  const { from: _from, ...older } = latencyStep
  assert.equal(ask(1, 3, { group: {}, rps: 70, memory: { latencyStep: older } })[0], 1)
})

test('what the schedule or the file does not allow is no reason to keep more', () => {
  const group = { steps: [{ kind: 'cpu', steps: [UP, DOWN] }] } as const
  const now = { spec: 'spec', fromMs: 0, untilMs: NOW + 1 }
  const schedule = { ...now, ceiling: { instances: 3, reason: 'quiet' } }
  assert.equal(ask(3, 5, { group, cpu: 28, memory: { schedule } })[0], 3)
  const scaling = { ...groupSpec().scaling, maxInstances: 3 }
  assert.equal(ask(3, 5, { group: { ...group, scaling }, cpu: 28 })[0], 3)
})

test('where none of the tried numbers holds, nothing is scaled in', () => {
  const scaling = { ...groupSpec().scaling, maxInstances: 300 }
  const steps = [{ kind: 'cpu', steps: [{ ...UP, bound: 20.5 }, DOWN] }] as const
  assert.equal(ask(100, 200, { group: { scaling, steps }, cpu: 20 })[0], 200)
})
