// What a demo run tells of its decisions.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Adjustment } from '../../core/model.ts'
import type { TickView } from '../../engine/service.ts'
import { decisionsOf } from './report.ts'

function tick(from: number, to: number, adjustments: readonly Adjustment[] = []): TickView {
  const decision = { group: 'web', mode: 'enforce', from, to, reason: `${from} to ${to}` }
  const decisions = [{ ...decision, recommendations: [], adjustments }]
  const view = { tick: { observation: { atMs: 0 }, decisions }, explanation: [] }
  return view as unknown as TickView
}

const HELD: Adjustment = { guard: 'budget', from: 6, to: 4, reason: 'database allows 96' }

test('a change is told, a quiet tick is not, and what the budget holds back is told once', () => {
  const ticks = [tick(2, 2), tick(2, 4), tick(4, 4, [HELD]), tick(4, 4, [HELD]), tick(4, 2)]
  const told = decisionsOf(ticks).map((d) => [d.from, d.to])
  assert.deepEqual(told, [
    [2, 4],
    [4, 4],
    [4, 2],
  ])
})

test('held by another guard is no news', () => {
  assert.deepEqual(decisionsOf([tick(4, 4, [{ ...HELD, guard: 'settle' }])]), [])
})
