// Plimsoll in the lab is the core itself: its decisions are what the plant carries out.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { decide } from '../core/decide.ts'
import { EMPTY_MEMORY } from '../core/memory.ts'
import type { Decision, Instance, Observation } from '../core/model.ts'
import { demandAt, PLIMSOLL, plimsollPolicy, specFor, targetAt } from './plimsoll.ts'
import { START_MS } from './plimsoll-fleet.ts'
import { synthetic } from './traffic/synthetic.ts'
import { runPolicy } from './world/run.ts'
import { worldOf } from './world/world.ts'

const { rps } = synthetic('bursts', { seconds: 3_600, peakRps: 400, seed: 4 })

function recorded(): { seen: Observation[]; decisions: Decision[]; supply: Uint32Array } {
  const seen: Observation[] = []
  const decisions: Decision[] = []
  const supply = new Uint32Array(rps.length)
  const onDecision = (observation: Observation, decision: Decision): void => {
    seen.push(observation)
    decisions.push(decision)
  }
  runPolicy(worldOf(rps), plimsollPolicy({ onDecision }), { supply })
  return { seen, decisions, supply }
}

function instancesOf(observation: Observation | undefined): readonly Instance[] {
  const status = observation?.groups[0]?.status
  return status?.kind === 'known' ? status.instances : []
}

test('the plant has what the core decided, one boot later', () => {
  const { decisions, supply } = recorded()
  const out = decisions.findIndex((d) => d.to > d.from)
  assert.ok(out > 0)
  const to = decisions[out]?.to ?? 0
  const later = [...supply.subarray(out, out + 200)]
  assert.ok(later.some((n) => n >= to))
  assert.match(decisions[out]?.reason ?? '', /requests\/s.* at 40 per instance/)
})

test('only what was started begins a cooldown', () => {
  const { decisions } = recorded()
  const out = decisions.findIndex((d) => d.to > d.from)
  const cooled = decisions.flatMap((d, i) => {
    return d.adjustments.some((a) => a.guard === 'cooldown') ? [i] : []
  })
  assert.ok(cooled.length > 0)
  assert.ok(cooled.every((i) => i > out))
})

test('the core sees phases with their times, and counts everybody', () => {
  const { seen } = recorded()
  const booting = seen.find((o) => instancesOf(o).some((i) => i.phase === 'starting'))
  assert.ok(booting !== undefined)
  const young = instancesOf(booting).find((i) => i.phase === 'starting')
  // It was asked for one turn before.
  assert.equal(young?.startedAtMs, booting.atMs - 1_000)
  const ready = seen
    .flatMap(instancesOf)
    .find((i) => i.id === young?.id && i.phase === 'ready' && i.phaseAtMs > i.startedAtMs)
  assert.ok(ready !== undefined && ready.phaseAtMs - ready.startedAtMs > 20_000)
  assert.equal(seen[0]?.atMs, START_MS + 1_000)
})

test('what was observed, decided again, gives the same decisions', () => {
  const { seen, decisions } = recorded()
  let memory = EMPTY_MEMORY
  const spec = specFor(worldOf(rps))
  const first = seen.slice(0, 20).map((observation) => {
    const decided = decide(spec, observation, memory)
    memory = decided.memory
    return decided.decisions[0]
  })
  assert.deepEqual(first, decisions.slice(0, 20))
})

test('a lower target takes more hours and misses less', () => {
  const [careful, bold] = [0.4, 0.9].map((share) => runPolicy(worldOf(rps), targetAt(share)))
  assert.ok(careful !== undefined && bold !== undefined)
  assert.ok(careful.instanceHours > bold.instanceHours)
  assert.ok(careful.violationPercent < bold.violationPercent)
  assert.equal(PLIMSOLL[0]?.name, 'plimsoll-target')
})

test('a share of nothing that may be late is a very small one', () => {
  const [none, few] = [0, 1e-6].map((late) => runPolicy(worldOf(rps), demandAt(late)))
  assert.deepEqual(none, few)
})
