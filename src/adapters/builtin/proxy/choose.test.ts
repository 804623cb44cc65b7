// Which instance gets the next request.
import { strict as assert } from 'node:assert'
import { test } from 'node:test'
import { type Choice, choose } from './choose.ts'
import { Target } from './target.ts'

function targets(...inFlight: number[]): Target[] {
  return inFlight.map((n, i) => {
    const target = new Target({ instance: `web-${i}`, host: '127.0.0.1', port: 1, state: 'active' })
    target.inFlight = n
    return target
  })
}

function chosen(among: Target[], change: Partial<Choice> = {}): number {
  const usual = { balance: 'least_connections', maxInFlight: 10, cursor: 0, tried: [] } as const
  return choose({ targets: among, ...usual, ...change })
}

test('least connections takes the least loaded, ties from the cursor on', () => {
  assert.equal(chosen(targets(3, 1, 2)), 1)
  assert.equal(chosen(targets(1, 1, 1), { cursor: 2 }), 2)
  assert.equal(chosen(targets(0, 1, 0), { cursor: 1 }), 2)
})

test('round robin ignores load, but not room', () => {
  assert.equal(chosen(targets(9, 0), { balance: 'round_robin' }), 0)
  assert.equal(chosen(targets(10, 0), { balance: 'round_robin' }), 1)
  assert.equal(chosen(targets(10, 10), { balance: 'round_robin' }), -1)
})

test('a target that failed the request is the last resort', () => {
  const both = targets(0, 9)
  assert.equal(chosen(both, { tried: both.slice(0, 1) }), 1)
  assert.equal(chosen(both, { tried: both }), 0)
})

test('unhealthy targets are used only when none is healthy, refused ones never', () => {
  const three = targets(0, 5, 10)
  three[0]?.judge('hung', 'silent')
  assert.equal(chosen(three), 1)
  three[1]?.judge('hung', 'silent')
  // The healthy one is full: waiting for it is better than a hung one.
  assert.equal(chosen(three), -1)
  three[2]?.judge('hung', 'silent')
  assert.equal(chosen(three), 0)
  for (const target of three) target.refused = true
  assert.equal(chosen(three), -1)
})

test('draining targets get nothing', () => {
  const both = targets(0, 1)
  for (const target of both.slice(0, 1)) target.state = 'draining'
  assert.equal(chosen(both), 1)
})
