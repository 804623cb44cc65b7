// Traffic from access logs in the common or combined format: requests per second. Lines that can't
// be read are counted, not fatal.
import { fault } from '../../core/errors.ts'
import type { Fault } from '../../core/model.ts'
import { evenly, type Traffic } from './csv.ts'

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec']
/** `host ident user [10/Oct/2000:13:55:36 -0700] "request" status bytes`, and whatever follows. */
const LINE =
  /^\S+ \S+ .*?\[(\d{2})\/(\w{3})\/(\d{4}):(\d{2}):(\d{2}):(\d{2}) ([+-])(\d{2})(\d{2})\] "/
/** More silent seconds than this are a gap in the log, or a clock that is wrong. */
const MOST_S = 366 * 86_400

/** Reads a log. Seconds without a line had no request. */
export function parseAccessLog(text: string, name: string): Traffic | Fault {
  const perSecond = new Map<number, number>()
  let broken = 0
  for (const line of text.split('\n')) {
    if (line.trim() === '') continue
    const atS = secondOf(line)
    if (Number.isNaN(atS)) broken += 1
    else perSecond.set(atS, (perSecond.get(atS) ?? 0) + 1)
  }
  if (perSecond.size === 0) {
    const why = broken === 0 ? 'holds no line' : `holds no line in the common or combined format`
    return fault('E_TRAFFIC_EMPTY', `${name} ${why}`)
  }
  const notes = broken === 0 ? [] : [`${broken} broken lines were left out`]
  const times = [...perSecond.keys()]
  const firstS = times.reduce((least, t) => Math.min(least, t), Number.POSITIVE_INFINITY)
  const lastS = times.reduce((most, t) => Math.max(most, t), Number.NEGATIVE_INFINITY)
  if (lastS - firstS > MOST_S) {
    return fault('E_TRAFFIC_INVALID', `${name} spans more than a year: look at its dates`)
  }
  const rows = Array.from({ length: lastS - firstS + 1 }, (_, i) => ({
    atS: i,
    rps: perSecond.get(firstS + i) ?? 0,
  }))
  const traffic = evenly(rows, name)
  return 'code' in traffic ? traffic : { ...traffic, notes: [...notes, ...traffic.notes] }
}

/** Seconds since the epoch of a log line; NaN where it has no time in the expected place. */
export function secondOf(line: string): number {
  const match = LINE.exec(line)
  if (match === null) return Number.NaN
  const [, day, name = '', year, hour, minute, second, sign, zoneHours, zoneMinutes] = match
  const month = MONTHS.indexOf(name)
  if (month < 0) return Number.NaN
  const time = [Number(hour), Number(minute), Number(second)] as const
  const utc = Date.UTC(Number(year), month, Number(day), ...time) / 1_000
  const zone = (Number(zoneHours) * 60 + Number(zoneMinutes)) * 60
  return sign === '-' ? utc + zone : utc - zone
}
