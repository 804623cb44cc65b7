// Traffic from CSV text `t_seconds,rps`. What is wrong is a fault; what is assumed is a note.
import { fault } from '../../core/errors.ts'
import type { Fault } from '../../core/model.ts'
import type { Trace } from '../world/arrivals.ts'

/** Traffic that can be replayed, and what was assumed of it, in whole sentences. */
export interface Traffic {
  readonly trace: Trace
  readonly notes: readonly string[]
}

/** More requests a second than this are a mistake of units. */
const MOST_RPS = 1e7
/** Longer traffic than this is cut off: about two years. */
const MOST_S = 2 * 366 * 86_400

interface Row {
  readonly atS: number
  readonly rps: number
}

/** Reads a CSV with an optional header. `name` says where it is from. */
export function parseCsv(text: string, name: string): Traffic | Fault {
  const rows: Row[] = []
  const lines = text.split('\n')
  for (const [index, raw] of lines.entries()) {
    const line = raw.trim()
    if (line === '' || (index === 0 && /^\uFEFF?"?[a-z]/i.test(line))) continue
    const row = parseRow(line)
    if (typeof row === 'string') {
      return fault('E_TRAFFIC_INVALID', `${name}, line ${index + 1}: ${row}`)
    }
    rows.push(row)
  }
  return evenly(rows, name)
}

function parseRow(line: string): Row | string {
  const cells = line.split(',').map((cell) => cell.trim())
  if (cells.length < 2) return `expected t_seconds,rps, found ${JSON.stringify(line.slice(0, 60))}`
  const [atS, rps] = [numberIn(cells[0]), numberIn(cells[1])]
  if (!Number.isFinite(atS)) return `the time ${JSON.stringify(cells[0])} is not a number`
  if (!Number.isFinite(rps)) return `the rate ${JSON.stringify(cells[1])} is not a number`
  return rateFault(rps) ?? { atS, rps }
}

/** Why a number can be no rate of requests; undefined where it can. */
export function rateFault(rps: number): string | undefined {
  if (rps < 0) return `the rate ${rps} is below zero`
  return rps > MOST_RPS ? `the rate ${rps} is above ${MOST_RPS} requests a second` : undefined
}

// An empty cell is not zero.
function numberIn(cell: string | undefined): number {
  return cell === undefined || cell === '' ? Number.NaN : Number(cell)
}

/** Rows laid out evenly, at the commonest distance between them. */
export function evenly(rows: readonly Row[], name: string): Traffic | Fault {
  const notes: string[] = []
  const sorted = rows.toSorted((a, b) => a.atS - b.atS)
  if (rows.some((row, i) => i > 0 && row.atS < (rows[i - 1]?.atS ?? 0))) {
    notes.push(`${name} is not in order of time; it was sorted`)
  }
  const distinct = sorted.filter((row, i) => row.atS !== sorted[i + 1]?.atS)
  const twice = sorted.length - distinct.length
  if (twice > 0) notes.push(`${twice} times are given twice: the last value counts`)
  const first = distinct[0]
  const last = distinct.at(-1)
  if (first === undefined || last === undefined) {
    return fault('E_TRAFFIC_EMPTY', `${name} holds no traffic`)
  }
  if (distinct.length < 2) return fault('E_TRAFFIC_SHORT', `${name} holds a single row`)
  const stepS = commonStep(distinct)
  const spanS = last.atS - first.atS
  if (spanS + stepS > MOST_S) {
    return fault(
      'E_TRAFFIC_INVALID',
      `${name} covers ${Math.round(spanS / 86_400)} days, at most ${MOST_S / 86_400}`,
    )
  }
  const length = Math.round(spanS / stepS) + 1
  if (length > MOST_S) {
    const message = `${name} has a row every ${stepS} s over ${spanS} s: too many to be laid out`
    return fault('E_TRAFFIC_INVALID', message)
  }
  const rps = new Float64Array(length).fill(Number.NaN)
  for (const row of distinct) rps[Math.round((row.atS - first.atS) / stepS)] = row.rps
  const gaps = fillGaps(rps)
  if (gaps > 0) {
    notes.push(`${gaps} of ${length} steps are missing: filled in evenly between neighbours`)
  }
  return { trace: { name, stepS, rps }, notes }
}

function commonStep(rows: readonly Row[]): number {
  const gaps = rows.slice(1).map((row, i) => row.atS - (rows[i]?.atS ?? 0))
  const sorted = gaps.toSorted((a, b) => a - b)
  return sorted[Math.floor(sorted.length / 2)] ?? 1
}

function fillGaps(rps: Float64Array): number {
  let filled = 0
  let left = 0
  for (let i = 0; i < rps.length; i += 1) {
    if (Number.isNaN(rps[i])) continue
    const [from, to] = [rps[left] ?? 0, rps[i] ?? 0]
    for (let k = left + 1; k < i; k += 1) {
      rps[k] = from + ((to - from) * (k - left)) / (i - left)
      filled += 1
    }
    left = i
  }
  return filled
}
