// Traffic from files: what is read, what is assumed, what is refused.
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { gzipSync } from 'node:zlib'
import type { Fault } from '../../core/model.ts'
import { arrivalsOf, multiplierFor, rateAt } from '../world/arrivals.ts'
import { parseAccessLog, secondOf } from './access-log.ts'
import { parseCsv, type Traffic } from './csv.ts'
import { readTraffic } from './read.ts'
import { demandOf, trafficOfSamples } from './samples.ts'
import { SHAPES, synthetic } from './synthetic.ts'
import { parseUtilisation } from './utilisation.ts'

function good(result: Traffic | Fault): Traffic {
  assert.ok(!('code' in result), 'code' in result ? result.message : '')
  return result
}

function refused(result: Traffic | Fault, code: string, words: RegExp): void {
  assert.ok('code' in result, 'it was read')
  assert.equal(result.code, code)
  assert.match(result.message, words)
}

test('a CSV with header, in order, has nothing to note', () => {
  const { trace, notes } = good(parseCsv('t_seconds,rps\n0,5\n60,7.5\n120,0\n', 'a'))
  assert.deepEqual({ ...trace, rps: [...trace.rps] }, { name: 'a', stepS: 60, rps: [5, 7.5, 0] })
  assert.deepEqual(notes, [])
})

test('out of order, twice, and with gaps: assumed, and said so', () => {
  const { trace, notes } = good(parseCsv('0,1\n2,3\n1,2\n2,4\n3,5\n6,8\n', 'a'))
  assert.deepEqual([...trace.rps], [1, 2, 4, 5, 6, 7, 8])
  const [order = '', twice = '', gaps = ''] = notes
  assert.match(order, /sorted/)
  assert.match(twice, /^1 times are given twice/)
  assert.match(gaps, /^2 of 7 steps are missing/)
})

test('what is no traffic is refused by line', () => {
  refused(parseCsv('', 'a'), 'E_TRAFFIC_EMPTY', /holds no traffic/)
  refused(parseCsv('t_seconds,rps\n', 'a'), 'E_TRAFFIC_EMPTY', /holds no traffic/)
  refused(parseCsv('0,1', 'a'), 'E_TRAFFIC_SHORT', /single row/)
  refused(parseCsv('0,1\n1,-2', 'a'), 'E_TRAFFIC_INVALID', /line 2: .*below zero/)
  refused(parseCsv('0,1\n1,NaN', 'a'), 'E_TRAFFIC_INVALID', /line 2: .*not a number/)
  refused(parseCsv('0,1\n1,', 'a'), 'E_TRAFFIC_INVALID', /line 2: .*not a number/)
  refused(parseCsv('0,1\nx,2', 'a'), 'E_TRAFFIC_INVALID', /line 2: the time "x"/)
  refused(parseCsv('0,1\n1,1e9', 'a'), 'E_TRAFFIC_INVALID', /above 10000000/)
  refused(parseCsv('0,1\n1,2\n1e12,2', 'a'), 'E_TRAFFIC_INVALID', /days, at most/)
  refused(parseCsv('0,1\n1e-6,1\n2e-6,1\n1000,1', 'a'), 'E_TRAFFIC_INVALID', /a row every/)
  refused(parseCsv('0,1\n1,Infinity', 'a'), 'E_TRAFFIC_INVALID', /line 2: .*not a number/)
  refused(parseCsv('0,1\n1;2', 'a'), 'E_TRAFFIC_INVALID', /expected t_seconds,rps/)
})

const COMMON = '192.0.2.1 - frank [10/Oct/2000:13:55:36 -0700] "GET /a HTTP/1.0" 200 2326'

test('access logs: requests per second, silent seconds are zero, broken lines are counted', () => {
  const combined = COMMON.replace(':36', ':38').concat(' "http://example.org/" "Mozilla/4.08"')
  const { trace, notes } = good(
    parseAccessLog(`${COMMON}\n${COMMON}\nnot a line\n${combined}`, 'l'),
  )
  assert.deepEqual([...trace.rps], [2, 0, 1])
  assert.equal(trace.stepS, 1)
  assert.match(notes[0] ?? '', /^1 broken line/)
  assert.equal(secondOf(COMMON), Date.UTC(2000, 9, 10, 20, 55, 36) / 1_000)
  refused(parseAccessLog('what\nis this', 'l'), 'E_TRAFFIC_EMPTY', /common or combined/)
  refused(parseAccessLog('', 'l'), 'E_TRAFFIC_EMPTY', /no line/)
})

test('samples of a monitor: holes and a late begin are told, negative rates refused', () => {
  const range = { name: 'm', startS: 0, endS: 600, stepS: 60 }
  const rows = [300, 360, 480, 540, 600].map((atS) => ({ atS, value: atS / 60 }))
  const { trace, notes } = good(trafficOfSamples(rows, range))
  assert.deepEqual([...trace.rps], [5, 6, 7, 8, 9, 10])
  assert.match(notes[0] ?? '', /^of the 0.0069 days asked for there are 0.0035 days, up to 1970/)
  assert.match(notes[1] ?? '', /^1 of 6 steps are missing/)
  const negative = [...rows, { atS: 660, value: -1 }]
  refused(trafficOfSamples(negative, range), 'E_TRAFFIC_INVALID', /at 1970.*below zero/)
  refused(trafficOfSamples([], range), 'E_TRAFFIC_EMPTY', /no traffic/)
})

test('utilisation becomes demand, and saturated history is censored', () => {
  const at = (...values: readonly number[]) => values.map((value, atS) => ({ atS, value }))
  const { samples, notes } = demandOf(at(50, 100, 10), at(2, 3), 40)
  assert.deepEqual(samples, at(40, 120))
  assert.match(notes[1] ?? '', /^1 of 3 steps were at 95 % and above: .*censored/)
})

test('a CSV of utilisation: columns by name, demand out of them, saturated rows told', () => {
  const head = 'instances,t_seconds,cpu_percent\n'
  const { trace, notes } = good(parseUtilisation(`${head}2,0,50\n3,60,99\n3,120,20\n`, 'u', 40))
  assert.deepEqual(
    [...trace.rps].map((rps) => Math.round(rps * 10) / 10),
    [40, 118.8, 24],
  )
  assert.match(notes[0] ?? '', /^demand is utilisation × instances × 40/)
  assert.match(notes[1] ?? '', /^1 of 3 steps were at 95 % and above: .*censored/)
  const wrong = (row: string, words: RegExp) =>
    refused(parseUtilisation(`${head}2,0,50\n${row}`, 'u', 40), 'E_TRAFFIC_INVALID', words)
  wrong('2,60,-1', /line 3: cpu_percent -1/)
  wrong('-2,60,1', /line 3: instances -2/)
  wrong('2,60,', /line 3: cpu_percent is not a number/)
  wrong('2,60', /line 3: cpu_percent is not a number/)
  wrong('2,sixty,1', /line 3: t_seconds is not a number/)
  wrong('1e6,60,1e6', /line 3: the rate .* is above/)
  refused(parseUtilisation(head, 'u', 40), 'E_TRAFFIC_EMPTY', /no traffic/)
})

test('files: told apart by content, compressed or not, and absent', () => {
  const folder = mkdtempSync(join(tmpdir(), 'plimsoll-traffic-'))
  try {
    const write = (name: string, content: string | Buffer): string => {
      writeFileSync(join(folder, name), content)
      return join(folder, name)
    }
    const csv = write('web.csv.gz', gzipSync('t_seconds,rps\n0,1\n1,2\n'))
    assert.equal(good(readTraffic(csv)).trace.name, 'web')
    const log = write('access.log', `${COMMON}\n${COMMON.replace(':36', ':37')}\n`)
    assert.deepEqual([...good(readTraffic(log)).trace.rps], [1, 1])
    const busy = write('busy.csv', '"t_seconds","cpu_percent","instances"\n0,50,2\n1,100,2\n')
    assert.deepEqual([...good(readTraffic(busy, 10)).trace.rps], [10, 20])
    refused(readTraffic(join(folder, 'no.csv')), 'E_TRAFFIC_FILE', /ENOENT/)
    refused(readTraffic(write('broken.gz', Buffer.from([0x1f, 0x8b, 1]))), 'E_TRAFFIC_FILE', /./)
    refused(readTraffic(write('x.csv', Buffer.from([0, 1, 2]))), 'E_TRAFFIC_INVALID', /not text/)
    refused(readTraffic(write('empty.csv', '')), 'E_TRAFFIC_EMPTY', /./)
  } finally {
    rmSync(folder, { recursive: true })
  }
})

test('a coarse trace is interpolated, with Poisson arrivals; a one-second trace is as it is', () => {
  const coarse = { name: 'c', stepS: 600, rps: Float64Array.from([100, 200]) }
  assert.equal(rateAt(coarse, 300), 150)
  const arrivals = arrivalsOf(coarse, { multiplier: 2, mostS: 600, seed: 1 })
  const mean = arrivals.reduce((sum, n) => sum + n, 0) / 600
  assert.ok(Math.abs(mean - 300) < 5, String(mean))
  assert.ok(arrivals.every(Number.isInteger))
  assert.ok(new Set(arrivals.subarray(0, 50)).size > 10)
  const fine = { name: 'f', stepS: 1, rps: Float64Array.from([1, 2, 3]) }
  assert.deepEqual([...arrivalsOf(fine, { multiplier: 2, mostS: 2, seed: 1 })], [2, 4])
  assert.equal(multiplierFor(fine, 6, 50), 100)
})

test('synthetic traffic: a seed is a seed, and each shape is itself', () => {
  for (const shape of SHAPES) {
    const options = { seconds: 7_200, peakRps: 500, seed: 2 }
    const { rps } = synthetic(shape, options)
    assert.deepEqual(synthetic(shape, options).rps, rps)
    assert.notDeepEqual(synthetic(shape, { ...options, seed: 3 }).rps, rps)
  }
  const flash = synthetic('flash', { seconds: 7_200, peakRps: 500, seed: 2 }).rps
  assert.ok((flash[3_500] ?? 0) < 100)
  assert.ok((flash[3_625] ?? 0) > 400)
})
