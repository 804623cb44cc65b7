// When a schedule last started: cron fields on the clock of a time zone, also on the two days a
// year on which that clock jumps.
import type { EpochMs } from '../model.ts'
import type { CronFields, ScheduleSpec } from './model.ts'

const MINUTE_MS = 60_000
const DAY_MINUTES = 1_440
const HOUR_MS = 3_600_000
/** A repeated hour began less than this ago. */
const JUMP_MS = 4 * HOUR_MS
const MOST_FORMATS = 100

/**
 * The newest start in (now − duration, now]; undefined where there is none. A start that the clock
 * jumps over is at the jump; one in an hour that comes twice is in its first coming, but for
 * schedules of every hour, which start in both.
 */
export function lastStart(entry: ScheduleSpec, nowMs: EpochMs): EpochMs | undefined {
  const earliest = nowMs - entry.durationMs + 1
  const before = offsetMs(entry.tz, Math.min(earliest, nowMs - JUMP_MS))
  const after = offsetMs(entry.tz, nowMs)
  if (before === after) return minus(lastMatch(entry, earliest + after, nowMs + after), after)
  const jump = jumpAt(entry.tz, after, Math.min(earliest, nowMs - JUMP_MS), nowMs)
  const isTwice = after < before && entry.starts.hours.length < 24
  const again = jump + (isTwice ? before : after)
  const late = lastMatch(entry, Math.max(Math.max(earliest, jump) + after, again), nowMs + after)
  if (late !== undefined) return late - after
  if (jump < earliest) return undefined
  const skipped = after > before && lastMatch(entry, jump + before, jump + after - 1) !== undefined
  if (skipped) return jump
  return minus(lastMatch(entry, earliest + before, jump + before - 1), before)
}

function minus(local: number | undefined, offset: number): EpochMs | undefined {
  return local === undefined ? undefined : local - offset
}

// The first minute with the new offset; there is one jump between the two.
function jumpAt(tz: string, after: number, fromMs: EpochMs, toMs: EpochMs): EpochMs {
  let low = Math.floor(fromMs / MINUTE_MS)
  let high = Math.ceil(toMs / MINUTE_MS)
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2)
    if (offsetMs(tz, middle * MINUTE_MS) === after) high = middle
    else low = middle
  }
  return high * MINUTE_MS
}

// Local times are milliseconds too, as if they were UTC. The newest match in [from, to].
function lastMatch(entry: ScheduleSpec, from: number, to: number): number | undefined {
  const first = Math.ceil(from / MINUTE_MS)
  const last = Math.floor(to / MINUTE_MS)
  const firstDay = Math.floor(first / DAY_MINUTES)
  for (let day = Math.floor(last / DAY_MINUTES); day >= firstDay; day--) {
    if (!isDay(entry, day)) continue
    const midnight = day * DAY_MINUTES
    const minute = lastMinute(entry.starts, first - midnight, last - midnight)
    if (minute !== undefined) return (midnight + minute) * MINUTE_MS
  }
  return undefined
}

function isDay({ starts, except }: ScheduleSpec, day: number): boolean {
  const date = new Date(day * DAY_MINUTES * MINUTE_MS)
  if (!starts.months.includes(date.getUTCMonth() + 1)) return false
  const isDate = starts.days.includes(date.getUTCDate())
  const isWeekday = starts.weekdays.includes(date.getUTCDay())
  if (starts.eitherDay ? !isDate && !isWeekday : !isDate || !isWeekday) return false
  return except.length === 0 || !except.includes(date.toISOString().slice(0, 10))
}

function lastMinute({ hours, minutes }: CronFields, from: number, to: number): number | undefined {
  for (let h = hours.length - 1; h >= 0; h--) {
    for (let m = minutes.length - 1; m >= 0; m--) {
      const minute = (hours[h] ?? 0) * 60 + (minutes[m] ?? 0)
      if (minute <= to) return minute >= from ? minute : undefined
    }
  }
  return undefined
}

// Building one costs a thousand times more than using it; what it answers depends on nothing else.
const formats = new Map<string, Intl.DateTimeFormat>()

function formatOf(tz: string): Intl.DateTimeFormat {
  const known = formats.get(tz)
  if (known !== undefined) return known
  if (formats.size >= MOST_FORMATS) formats.clear()
  const made = new Intl.DateTimeFormat('en-US', { timeZone: tz, timeZoneName: 'longOffset' })
  formats.set(tz, made)
  return made
}

const OFFSET = /^GMT(?:([+-])(\d{2}):(\d{2}))?/

/** What a zone's clock is ahead of UTC at an instant, in milliseconds. Throws on unknown zones. */
export function offsetMs(tz: string, atMs: EpochMs): number {
  const part = formatOf(tz)
    .formatToParts(atMs)
    .find((p) => p.type === 'timeZoneName')
  const [, sign, hours, minutes] = OFFSET.exec(part?.value ?? '') ?? []
  if (sign === undefined) return 0
  return (Number(hours) * 60 + Number(minutes)) * MINUTE_MS * (sign === '-' ? -1 : 1)
}
