// Queries against a real Prometheus: single numbers, hostile labels, CPU by labels, age, the past.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import fc from 'fast-check'
import { createPrometheusMetrics } from '../../src/adapters/prometheus/metrics.ts'
import { readRange } from '../../src/adapters/prometheus/range.ts'
import type { MetricsSpec, Reading } from '../../src/core/model.ts'
import { cpuQuery, NO_CPU } from '../../src/core/promql/cpu.ts'
import { filledIn, matchers, misplaced } from '../../src/core/promql/fill.ts'
import { metricsConformance } from '../../src/testing/metrics.ts'
import { ROOT, until } from './application.ts'
import { missing, TestExporter, TestPrometheus } from './prometheus-server.ts'

const SPEC: MetricsSpec = { prometheus: '', headers: {}, verify: true, maxAgeMs: 120_000 }
const options = { clock: { now: () => Date.now() }, environment: {} }
/** What people put into labels, and what would end a string if it were not escaped. */
const HOSTILE = '"} or vector(1) #\\" \' ` \\ \n\t{$labels} ☃ \u202e\u{e0001}'
const BEGUN_MS = Date.now()

/** The text of an exporter: counters that grow with the time, and constants. */
function exported(): string {
  const seconds = (Date.now() - BEGUN_MS) / 1_000
  const inText = HOSTILE.replace(/[\\"\n]/g, (c) => (c === '\n' ? '\\n' : `\\${c}`))
  const cpu = (busy: number) => (busy * seconds).toFixed(3)
  return [
    '# TYPE depth gauge',
    `depth{queue="${inText}"} 41`,
    'depth{queue="other"} 1',
    // Two containers and the group of processes above them.
    `container_cpu_usage_seconds_total{team="a",image="x",name="1"} ${cpu(0.5)}`,
    `container_cpu_usage_seconds_total{team="a",image="x",name="2"} ${cpu(0.7)}`,
    `container_cpu_usage_seconds_total{team="a",image="",name=""} ${cpu(1.2)}`,
    `process_cpu_seconds_total{team="a"} ${cpu(0.01)}`,
    // A machine of two cores, one of them busy.
    `node_cpu_seconds_total{team="b",cpu="0",mode="idle"} ${cpu(0.1)}`,
    `node_cpu_seconds_total{team="b",cpu="0",mode="user"} ${cpu(0.9)}`,
    `node_cpu_seconds_total{team="b",cpu="1",mode="idle"} ${cpu(1)}`,
    `process_cpu_seconds_total{team="b"} ${cpu(0.01)}`,
    `process_cpu_seconds_total{team="c",pid="1"} ${cpu(0.4)}`,
    `process_cpu_seconds_total{team="c",pid="2"} ${cpu(0.5)}`,
    '',
  ].join('\n')
}

const GUIDE = readFileSync(join(ROOT, 'docs/guide/prometheus.md'), 'utf8')

describe('queries', { skip: missing }, () => {
  let prometheus: TestPrometheus
  let exporter: TestExporter
  const metrics = createPrometheusMetrics(options)
  const read = async (query: string, change: Partial<MetricsSpec> = {}): Promise<Reading> => {
    const from = { ...SPEC, prometheus: prometheus.url, ...change }
    const [reading] = await metrics.read(from, [query], new AbortController().signal)
    return reading ?? assert.fail('no reading')
  }
  const value = async (query: string) => {
    const reading = await read(query)
    return reading.kind === 'value' ? reading.value : reading.reason
  }

  before(async () => {
    prometheus = await TestPrometheus.create()
    exporter = await TestExporter.create()
    exporter.text = exported
    const { address } = exporter
    prometheus.configure(`  - { job_name: app, static_configs: [{ targets: ["${address}"] }] }`)
    await prometheus.start()
    await until('a few scrapes', 20_000, async () => {
      const counts = await prometheus.ask('count_over_time(depth{queue="other"}[1m])')
      return (counts[0] ?? 0) >= 4 || undefined
    })
  })
  after(async () => {
    await metrics.close()
    await exporter.close()
    await prometheus.close()
  })

  test('labels are filled in, whatever stands in them', async () => {
    const blanks = { app: 'shop', group: 'web', labels: { job: 'app', queue: HOSTILE } }
    assert.equal(await value(filledIn('sum(depth{$labels})', blanks)), 41)
    assert.equal(await value(filledIn('sum(depth{$labels,job=~"app$"}) # $labels', blanks)), 41)
    const words = 'by without on offset bool and or unless sum nan inf start end group_left atan2'
    const named = Object.fromEntries(words.split(' ').map((word) => [word, '']))
    const odd = { ...blanks, labels: { ...named, queue: 'other' } }
    assert.equal(await value(filledIn('sum(depth{$labels})', odd)), 1)
    const other = { ...blanks, labels: { queue: 'none' } }
    assert.equal(await value(filledIn('sum(depth{$labels})', other)), 'the query finds no series')
  })

  test('no value of a label ends its string: Prometheus reads back what was meant', async () => {
    const text = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 20 }),
      fc.string({ unit: fc.constantFrom('"', "'", '\\', '`', '{', '}', '#', '\n', 'u', 'x', '0') }),
    )
    const values = fc.sample(text, { numRuns: 300, seed: 1 }).filter((t) => t.isWellFormed())
    assert.ok(values.length > 200)
    // One query that gives each value back as a label: what differs was not escaped right.
    const quoted = (v: string) => matchers({ v }).slice('v='.length)
    for (let i = 0; i < values.length; i += 50) {
      const part = values.slice(i, i + 50)
      const made = part.map((v, n) => {
        return `label_replace(label_replace(vector(${n}), "v", ${quoted(v.replaceAll('$', '$$'))}, "", ""), "n", "${n}", "", "")`
      })
      const body = new URLSearchParams({ query: made.join(' or ') })
      const answer = await fetch(`${prometheus.url}/api/v1/query`, { method: 'POST', body })
      const { data, error } = (await answer.json()) as {
        data?: { result: { metric: { v?: string; n: string } }[] }
        error?: string
      }
      assert.ok(data !== undefined, error)
      const back = data.result.map(({ metric }) => [Number(metric.n), metric.v ?? ''] as const)
      assert.deepEqual(
        back.sort((a, b) => a[0] - b[0]),
        part.map((v, n) => [n, v] as const),
      )
    }
  })

  test('every recipe of the guide is a query that Prometheus takes', async () => {
    const rows = [...GUIDE.matchAll(/^\|.*\| `(.*)` \|$/gm)].map((m) => m[1] ?? '')
    const recipes = rows.filter((row) => row !== 'query')
    assert.ok(recipes.length >= 11)
    for (const query of recipes) {
      assert.equal(misplaced(query, true), undefined)
      const blanks = { app: 'shop', group: 'web', labels: { job: 'app', queue: HOSTILE } }
      assert.equal(await value(filledIn(query, blanks)), 'the query finds no series', query)
    }
  })

  test('CPU by labels: containers, else machines, else processes, else none', async () => {
    // A scrape that was late is made good by the next one.
    const near = (team: string, percent: number) =>
      until(`CPU of ${team}`, 10_000, async () => {
        const found = await value(cpuQuery({ team }))
        return Math.abs(Number(found) - percent) < percent * 0.25 || undefined
      })
    await near('a', 120)
    await near('b', 45)
    await near('c', 90)
    assert.equal(await value(cpuQuery({ team: 'nobody' })), NO_CPU)
    // A label that others use in their own way, and none at all.
    assert.equal(await value(cpuQuery({ team: HOSTILE })), NO_CPU)
    assert.equal(typeof (await value(cpuQuery({}))), 'number')
  })

  test('a reading has the time of its sample; an old one is stale, an ended one is over', async () => {
    const fresh = await read('sum(depth)')
    assert.ok(fresh.kind === 'value' && Date.now() - fresh.atMs < 5_000)
    assert.equal(fresh.value, 42)
    // Scrapes fail: Prometheus marks the series as ended, but a range still has its samples.
    exporter.text = undefined
    await until('the series to end', 10_000, async () => {
      return (await prometheus.ask('depth')).length === 0 || undefined
    })
    assert.equal(await value('sum(depth)'), 'the query finds no series')
    assert.equal(
      await value('sum(rate(process_cpu_seconds_total{team="c"}[1m]))'),
      'its series have ended',
    )
    assert.equal(await value('sum(depth) or vector(0)'), 0)
    assert.equal(await value('absent(depth)'), 1)
    exporter.text = exported
    await until(
      'the series to be back',
      10_000,
      async () => (await value('sum(depth)')) === 42 || undefined,
    )
    // Prometheus itself was away: nobody marked the series, so it is carried on for minutes.
    await prometheus.stop()
    exporter.text = undefined
    const nobody = '  - { job_name: app, static_configs: [] }'
    prometheus.configure(nobody)
    await sleep(1_500)
    await prometheus.start()
    const [carried] = await prometheus.ask('sum(depth)')
    assert.equal(carried, 42)
    const old = await read('sum(depth)', { maxAgeMs: 1_000 })
    assert.ok(
      old.kind === 'missing' && /^it is stale: the newest sample is \d+ s old$/.test(old.reason),
      JSON.stringify(old),
    )
    const aged = await read('sum(depth)')
    assert.ok(aged.kind === 'value' && Date.now() - aged.atMs >= 1_500, JSON.stringify(aged))
  })

  test('the past comes in pieces, without what is no number', async () => {
    const endS = Math.floor(Date.now() / 1_000)
    const shares: number[] = []
    const past = async (query: string, seconds: number) => {
      const span = { query, startS: endS - seconds, endS, stepS: 1 }
      const progress = (share: number) => shares.push(share)
      const from = { ...SPEC, prometheus: prometheus.url }
      const rows = await readRange(from, span, { environment: {}, progress })
      assert.ok(!('code' in rows), 'code' in rows ? rows.message : '')
      return rows
    }
    const rows = await past('vector(time())', 25_000)
    assert.deepEqual(
      rows.map((row) => [row.atS, row.value]),
      Array.from({ length: 25_001 }, (_, i) => [endS - 25_000 + i, endS - 25_000 + i]),
    )
    assert.deepEqual(shares, [1 / 3, 2 / 3, 1])
    // Every tenth second is divided by nothing.
    assert.equal((await past('vector(time()) / (vector(time()) % 10 > bool 0)', 99)).length, 90)
    assert.deepEqual(await past('there_is_no_such_series', 99), [])
  })
})

if (missing === false) {
  metricsConformance('a real Prometheus', async () => {
    const prometheus = await TestPrometheus.create()
    prometheus.configure('  - { job_name: none, static_configs: [] }')
    await prometheus.start()
    const metrics = createPrometheusMetrics(options)
    return {
      metrics,
      from: { ...SPEC, prometheus: prometheus.url },
      queries: {
        good: ['vector(42)', '3 + 4'],
        empty: 'there_is_no_such_series',
        several: 'vector(1) or label_replace(vector(2), "a", "b", "", "")',
        nan: 'vector(0) / vector(0)',
        infinite: 'vector(1) / vector(0)',
        broken: 'sum(',
      },
      breakDown: async () => {
        await prometheus.stop()
        return () => prometheus.start()
      },
      dispose: async () => {
        await metrics.close()
        await prometheus.close()
      },
    }
  })
}
