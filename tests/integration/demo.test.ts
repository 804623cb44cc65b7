// The demo as its users start it: what it promises is what its document says.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { test } from 'node:test'
import type { DemoReport } from '../../src/cli/demo/report.ts'
import { ROOT } from './application.ts'
import { missing } from './nginx-subject.ts'

interface DemoRun {
  readonly code: number | null
  readonly report: DemoReport
}

// Through npm, so that nothing but the document may stand on standard output.
async function demo(...words: readonly string[]): Promise<DemoRun> {
  const child = spawn('npm', ['run', 'demo', '--', '--json', ...words], {
    cwd: ROOT,
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let stdout = ''
  child.stdout.on('data', (d) => {
    stdout += d
  })
  const [code] = (await once(child, 'close')) as [number | null]
  return { code, report: JSON.parse(stdout) as DemoReport }
}

// Where only time was short, once more: others may have had the machine for a moment. Nothing may
// fail either time.
async function demoInTime(...words: readonly string[]): Promise<DemoRun> {
  const first = await demo(...words)
  assert.equal(first.report.failed, 0, JSON.stringify(first.report))
  return first.report.late === 0 ? first : demo(...words)
}

test('the spike is held: nothing fails, out and back in, every change with its reason', async () => {
  const { code, report } = await demoInTime()
  const told = JSON.stringify(report)
  assert.equal(report.failed, 0, told)
  assert.equal(report.late, 0, told)
  assert.ok(report.requests >= 5_000, told)
  assert.ok((report.p99_ms.spike_worst ?? 0) > report.slo.latency_p99_ms, told)
  assert.ok(report.instances.max >= 3, told)
  assert.equal(report.instances.end, 2, told)
  assert.notEqual(report.slo.recovered_s, null, told)
  assert.equal(code, 0, told)
  assert.ok(report.decisions.length >= 2)
  assert.ok(report.decisions.every((d) => d.reason.length > 0 && d.from !== d.to))
})

test('the same behind NGINX', { skip: missing }, async () => {
  const { code, report } = await demoInTime('--balancer', 'nginx')
  const told = JSON.stringify(report)
  assert.equal(report.balancer, 'nginx', told)
  assert.deepEqual([report.failed, report.late], [0, 0], told)
  assert.ok(report.instances.max >= 3 && report.instances.end === 2, told)
  assert.equal(code, 0, told)
})

test('observed only, the same spike misses its SLO, and nothing is changed', async () => {
  const { code, report } = await demo('--mode', 'observe')
  const told = JSON.stringify(report)
  assert.equal(code, 1, told)
  assert.deepEqual(report.instances, { start: 2, max: 2, end: 2 }, told)
  assert.ok(
    report.decisions.some((d) => d.to > 2),
    told,
  )
  assert.ok(report.late > 0, told)
})

test('where the database is the limit, its connection budget is never exceeded, and named', async () => {
  const { report } = await demo('--scenario', 'shared-limit')
  const told = JSON.stringify(report)
  assert.ok(report.instances.max <= 4, told)
  const out = report.decisions.filter((d) => d.to > d.from)
  assert.ok(out.length > 0, told)
  assert.ok(
    out.every((d) => d.to <= 4),
    told,
  )
  assert.ok(
    report.decisions.some((d) => /budget: database allows 96 connections/.test(d.reason)),
    told,
  )
  assert.equal(report.failed, 0, told)
})
