// Carrying out a plan: an outcome for each action, and a balancer that is told what is so.
import assert from 'node:assert/strict'
import { beforeEach, test } from 'node:test'
import { groupSpec, specOf } from '../../tests/simulation/loop.ts'
import { observationOf, seenOf, targetOf } from '../../tests/simulation/moment.ts'
import type { MemoryBalancer } from '../adapters/memory/balancer.ts'
import { MemoryWorld } from '../adapters/memory/world.ts'
import { fault } from '../core/errors.ts'
import type { Action, Fault, InstanceVerb, Observation, Outcome } from '../core/model.ts'
import { Actor } from './act.ts'

const NEVER = new AbortController().signal
const spec = specOf([groupSpec()])
let world: MemoryWorld
let actor: Actor
let observation: Observation

beforeEach(async () => {
  world = new MemoryWorld()
  actor = new Actor(world)
  await world.balancer.start(NEVER)
  world.provider.bootMs = 0
  for (const n of [1, 2]) await world.provider.apply(start(n), groupSpec(), NEVER)
  await world.provider.observe(groupSpec(), NEVER)
  const targets = ['web-1', 'web-2'].map((id) => targetOf(id))
  observation = observationOf([seenOf(world.provider.all(), {}, targets)])
})

function start(n: number): Action {
  return { kind: 'start', group: 'web', instance: `web-${n}`, generation: 'a.0', reason: 'test' }
}

function to(kind: InstanceVerb, n: number, group = 'web'): Action {
  return { kind, group, instance: `${group}-${n}`, reason: 'test' }
}

async function act(actions: readonly Action[], stored = true): Promise<readonly Outcome[]> {
  const balancer = await world.balancer.observe(NEVER)
  return actor.act({ spec, plan: { actions }, observation, balancer, stored })
}

function rotation(): readonly string[] {
  return (world.balancer.groups[0]?.targets ?? []).map((t) => `${t.instance} ${t.state}`)
}

// Counts how often the balancer is told, and what it answers.
function watchBalancer(answer: () => Fault | undefined): () => number {
  let told = 0
  const { balancer } = world
  const configure = balancer.configure.bind(balancer)
  const watched: Pick<MemoryBalancer, 'configure'> = {
    configure: async (groups, cancel) => {
      told++
      return answer() ?? configure(groups, cancel)
    },
  }
  Object.assign(balancer, watched)
  return () => told
}

test('each action has its outcome, in the order of the plan', async () => {
  const actions = [to('forget', 9), start(3), to('drain', 2)]
  const outcomes = await act(actions)
  assert.deepEqual(
    outcomes.map((o) => [o.kind, o.action]),
    [
      ['skipped', actions[0]],
      ['applied', actions[1]],
      ['applied', actions[2]],
    ],
  )
  assert.deepEqual(rotation(), ['web-1 active', 'web-2 draining'])
})

test('what is not admitted gets no requests; what is admitted does', async () => {
  await world.provider.apply(start(3), groupSpec(), NEVER)
  await act([])
  assert.deepEqual(rotation(), ['web-1 active', 'web-2 active'])
  await act([to('admit', 3)])
  assert.deepEqual(rotation(), ['web-1 active', 'web-2 active', 'web-3 active'])
})

test('a drain is skipped when the plan could not be stored; a start is not', async () => {
  const outcomes = await act([start(3), to('drain', 2)], false)
  assert.deepEqual(
    outcomes.map((o) => o.kind),
    ['applied', 'skipped'],
  )
  assert.match(outcomes[1]?.kind === 'skipped' ? outcomes[1].reason : '', /could not be stored/)
  assert.deepEqual(rotation(), ['web-1 active', 'web-2 active'])
})

test('a balancer that refuses makes admit and drain fail, and is told again next time', async () => {
  let refusal: Fault | undefined = fault('E_PORT_IN_USE', 'it is taken')
  const told = watchBalancer(() => refusal)
  const outcomes = await act([start(3), to('admit', 1), to('drain', 2)])
  assert.deepEqual(
    outcomes.map((o) => (o.kind === 'failed' ? o.fault.code : o.kind)),
    ['applied', 'E_PORT_IN_USE', 'E_PORT_IN_USE'],
  )
  refusal = undefined
  assert.deepEqual(await act([]), [])
  assert.equal(told(), 2)
  assert.deepEqual(rotation(), ['web-1 active', 'web-2 draining'])
})

test('a balancer is told only what is new to it, and all of it after it began anew', async () => {
  const told = watchBalancer(() => undefined)
  await act([])
  await act([])
  assert.equal(told(), 1)
  await world.balancer.start(NEVER)
  await act([])
  assert.equal(told(), 2)
})

test('a balancer that is down makes admit fail; one that was just started begins with what is ready', async () => {
  world.balancer.down = true
  const down = await act([to('admit', 1)])
  assert.equal(down[0]?.kind, 'failed')
  observation = observationOf([
    { ...seenOf(world.provider.all()), balancer: { kind: 'down', reason: 'gone' } },
  ])
  const outcomes = await act([{ kind: 'start-balancer', reason: 'gone' }])
  assert.deepEqual(
    outcomes.map((o) => o.kind),
    ['applied'],
  )
  assert.deepEqual(rotation(), ['web-1 active', 'web-2 active'])
})

test('what throws, or takes too long, is a failed outcome, and the rest goes on', async () => {
  const { provider } = world
  const apply = provider.apply.bind(provider)
  Object.assign(provider, {
    apply: async (...args: Parameters<typeof apply>) => {
      if (args[0].kind === 'stop') throw new Error('it broke')
      return args[0].kind === 'kill' ? new Promise<Outcome>(() => {}) : apply(...args)
    },
  })
  const acting = act([to('stop', 1), to('kill', 2), start(3)])
  for (let n = 0; n < 20; n++) {
    await new Promise((resolve) => setImmediate(resolve))
    world.clock.advance(1_000)
  }
  const outcomes = await acting
  assert.deepEqual(
    outcomes.map((o) => (o.kind === 'failed' ? o.fault.message : o.kind)),
    ['it broke', 'kill took longer than 10000 ms', 'applied'],
  )
})

test('an action for a group that is gone from the file is skipped', async () => {
  const [outcome] = await act([to('stop', 1, 'jobs')])
  assert.equal(outcome?.kind, 'skipped')
})
