// The backtest's document over a small world.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { backtest, policyNames } from './backtest.ts'
import { synthetic } from './traffic/synthetic.ts'
import { worldOf } from './world/world.ts'

const world = worldOf(synthetic('ramp', { seconds: 1_800, peakRps: 300, seed: 1 }).rps)

test('every policy in each of its variants, beside oracle and bound', () => {
  const shares: number[] = []
  const turns = new Set<string>()
  const names = ['plimsoll-target', 'kpa-rate', 'static-peak']
  const result = backtest(world, names, {
    progress: (share, whose) => {
      shares.push(share)
      turns.add(whose)
    },
  })
  const keys = result.policies.map((p) => `${p.name} ${p.variant}`)
  assert.deepEqual(keys, [
    'plimsoll-target default',
    'plimsoll-target hindsight',
    'kpa-rate default',
    'kpa-rate tuned',
    'kpa-rate hindsight',
    'static-peak default',
    'static-peak tuned',
    'static-peak hindsight',
  ])
  assert.ok(result.bound_instance_hours <= result.oracle_instance_hours)
  assert.equal(shares.at(-1), 1)
  assert.deepEqual([...turns], ['oracle', ...keys])
  const [, , standard, tuned, best] = result.policies
  assert.ok(standard !== undefined && tuned !== undefined && best !== undefined)
  assert.ok(best.cost <= Math.min(standard.cost, tuned.cost))
})

test('where no rival holds the SLO, or none was asked for, nothing is compared', () => {
  const { at_equal_slo } = backtest(world, ['plimsoll-target'])
  assert.equal(at_equal_slo.best_rival, null)
  assert.equal(at_equal_slo.ratio, null)
})

test('Plimsoll comes first, and nobody is called twice', () => {
  const names = policyNames()
  assert.match(names[0] ?? '', /^plimsoll/)
  assert.equal(new Set(names).size, names.length)
})

test('the share that may be late is what Plimsoll is told, and where all are compared', () => {
  const strict = backtest(world, ['plimsoll'], { latePercent: 0.01 })
  const loose = backtest(world, ['plimsoll'], { latePercent: 10 })
  assert.equal(loose.at_equal_slo.violation_percent, 10)
  const hours = [strict, loose].map(({ policies }) => policies[0]?.instance_hours ?? 0)
  assert.ok((hours[0] ?? 0) > (hours[1] ?? 0), hours.join(' '))
})

test('every row has its course, run as it was scored', () => {
  const courses = new Map<string, number>()
  const { policies } = backtest(world, ['kpa-rate'], {
    onCourse: ({ name, variant }, { late }) =>
      courses.set(
        `${name} ${variant}`,
        late.reduce((sum, n) => sum + n, 0),
      ),
  })
  const requests = world.arrivals.reduce((sum, n) => sum + n, 0)
  assert.equal(courses.size, policies.length)
  for (const { name, variant, slo_violation_percent } of policies) {
    const late = courses.get(`${name} ${variant}`) ?? Number.NaN
    assert.ok(Math.abs((100 * late) / requests - slo_violation_percent) < 1e-9, name)
  }
})
