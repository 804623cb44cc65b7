// Cron expressions, as the numbers they match: minute, hour, day of month, month, day of week.
import type { CronFields } from '../core/policies/model.ts'

const MONTHS = 'jan feb mar apr may jun jul aug sep oct nov dec'.split(' ')
const WEEKDAYS = 'sun mon tue wed thu fri sat'.split(' ')

interface Field {
  readonly from: number
  readonly to: number
  /** Names of the numbers, the first for `from`. */
  readonly names?: readonly string[]
}

const FIELDS: readonly [Field, Field, Field, Field, Field] = [
  { from: 0, to: 59 },
  { from: 0, to: 23 },
  { from: 1, to: 31 },
  { from: 1, to: 12, names: MONTHS },
  // 7 is Sunday as well as 0.
  { from: 0, to: 7, names: WEEKDAYS },
]

/**
 * The fields of an expression like `0 19 * * mon-fri`; undefined where it is none. Each field is
 * `*`, a number, a name, a range `a-b`, any of these in steps (`*` + `/15`), or a list of them.
 */
export function cronFields(text: string): CronFields | undefined {
  const parts = text.trim().split(/\s+/)
  if (parts.length !== FIELDS.length) return undefined
  const [minutes, hours, days, months, weekdays] = FIELDS.map((field, i) => {
    return numbersOf(parts[i] ?? '', field)
  })
  if (!minutes || !hours || !days || !months || !weekdays) return undefined
  const sundayFirst = [...new Set(weekdays.map((day) => day % 7))].sort((a, b) => a - b)
  const isFree = (part: string | undefined) => part?.startsWith('*') === true
  const eitherDay = !isFree(parts[2]) && !isFree(parts[4])
  return { minutes, hours, days, months, weekdays: sundayFirst, eitherDay }
}

function numbersOf(text: string, field: Field): readonly number[] | undefined {
  const lists = text.split(',').map((item) => itemOf(item, field))
  if (lists.some((list) => list === undefined)) return undefined
  return [...new Set(lists.flatMap((list) => list ?? []))].sort((a, b) => a - b)
}

const ITEM = /^(\*|[0-9a-z]{1,3})(?:-([0-9a-z]{1,3}))?(?:\/(\d{1,2}))?$/i

function itemOf(text: string, field: Field): readonly number[] | undefined {
  const [whole, start = '', end, every] = ITEM.exec(text) ?? []
  if (whole === undefined || (start === '*' && end !== undefined)) return undefined
  const from = start === '*' ? field.from : numberOf(start, field)
  const alone = every === undefined ? from : field.to
  const last = start === '*' ? field.to : alone
  const to = end === undefined ? last : numberOf(end, field)
  const step = every === undefined ? 1 : Number(every)
  if (from === undefined || to === undefined || to < from || step === 0) return undefined
  return Array.from({ length: Math.floor((to - from) / step) + 1 }, (_, i) => from + i * step)
}

function numberOf(text: string, { from, to, names }: Field): number | undefined {
  const named = names?.indexOf(text.toLowerCase()) ?? -1
  if (named >= 0) return from + named
  const number = /^\d+$/.test(text) ? Number(text) : Number.NaN
  return number >= from && number <= to ? number : undefined
}
