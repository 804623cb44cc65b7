// The day of traffic that the guide rehearses: a day's wave and bursts, of the lab's own making.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { synthetic } from '../../src/lab/traffic/synthetic.ts'

const DAY_S = 86_400
const ROW_S = 60

test('day.csv is a wave of 300 requests/s with bursts of 100, by the minute', () => {
  const wave = synthetic('diurnal', { seconds: DAY_S, peakRps: 300, seed: 1 }).rps
  const bursts = synthetic('bursts', { seconds: DAY_S, peakRps: 100, seed: 2 }).rps
  const rows = Array.from({ length: DAY_S / ROW_S }, (_, row) => {
    const from = row * ROW_S
    let sum = 0
    for (let t = from; t < from + ROW_S; t += 1) sum += (wave[t] ?? 0) + (bursts[t] ?? 0)
    return `${from},${Math.round((10 * sum) / ROW_S) / 10}\n`
  })
  const text = readFileSync(new URL('day.csv', import.meta.url), 'utf8')
  assert.equal(text, `t_seconds,rps\n${rows.join('')}`)
})
