// Durations, sizes and shares as the file spells them (`300ms`, `10MB`, `0.1%`) and as numbers.

const DURATION_MS = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 } as const
const SIZE_BYTES = {
  B: 1,
  KB: 1000,
  KiB: 1024,
  MB: 1000 ** 2,
  MiB: 1024 ** 2,
  GB: 1000 ** 3,
  GiB: 1024 ** 3,
} as const

/** What a size looks like: a number and B, KB, KiB, MB, MiB, GB or GiB. */
export const SIZE_PATTERN = /^\d{1,12}(\.\d{1,3})?(B|KB|KiB|MB|MiB|GB|GiB)$/
/** What a share looks like: a number and a percent sign. */
export const SHARE_PATTERN = /^\d{1,3}(\.\d{1,6})?%$/

/** Whole bytes of a size like `10MB` (KB is 1000, KiB is 1024); NaN when it is none. */
export function sizeBytes(text: string): number {
  return SIZE_PATTERN.test(text) ? scaled(text, SIZE_BYTES) : Number.NaN
}

/** A share like `0.1%` as a number from 0 to 1; NaN when it is none. */
export function shareRatio(text: string): number {
  if (!SHARE_PATTERN.test(text)) return Number.NaN
  // Rounded, so that 0.1% is 0.001 and not its neighbour in binary.
  return Math.round(Number.parseFloat(text) * 1e6) / 1e8
}

/** The shortest exact spelling of whole milliseconds. */
export function formatDuration(ms: number): string {
  return spelled(ms, DURATION_MS)
}

/** The shortest exact spelling of whole bytes. */
export function formatSize(bytes: number): string {
  return spelled(bytes, SIZE_BYTES)
}

/** A number from 0 to 1 as a share in percent. */
export function formatShare(ratio: number): string {
  return `${Math.round(ratio * 1e8) / 1e6}%`
}

function scaled(text: string, units: Readonly<Record<string, number>>): number {
  const unit = text.replace(/^[\d.]+/, '')
  return Math.round(Number.parseFloat(text) * (units[unit] ?? Number.NaN))
}

function spelled(value: number, units: Readonly<Record<string, number>>): string {
  const names = Object.keys(units)
  const fits = names.filter((name) => value !== 0 && value % (units[name] ?? 1) === 0)
  const spellings = (fits.length > 0 ? fits : [names[0] ?? '']).map(
    (name) => `${value / (units[name] ?? 1)}${name}`,
  )
  return spellings.reduce((best, next) => (next.length <= best.length ? next : best))
}
