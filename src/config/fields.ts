// The kinds of single values that the file has, each with the words that say what was expected.
import { isIP } from 'node:net'
import * as z from 'zod'
import { DURATION_PATTERN, durationMs } from '../core/words/duration.ts'
import { cronFields } from './cron.ts'
import { SHARE_PATTERN, SIZE_PATTERN, shareRatio, sizeBytes } from './units.ts'

/** Longest duration that the file may name: a day, in milliseconds. */
export const LONGEST_MS = 86_400_000

/** What a name of an application, group or resource looks like. */
export const NAME_PATTERN = /^[a-z][a-z0-9-]{0,40}$/
/** The same in words. */
export const NAME_EXPECTED =
  'a name of a-z, 0-9 and -, starting with a letter, at most 41 characters'

/** Name of an application, group or resource. */
export const name = z.string({ error: NAME_EXPECTED }).regex(NAME_PATTERN, { error: NAME_EXPECTED })

/** What the name of an environment variable looks like. */
export const VARIABLE_PATTERN = /^[A-Za-z_][A-Za-z0-9_]{0,255}$/
/** The same in words. */
export const VARIABLE_EXPECTED = 'a name of letters, digits and _, not starting with a digit'

/** A duration with its unit, from `shortestMs` to a day. */
export function duration(shortestMs = 1) {
  const least = shortestMs > 1 ? ` (at least ${shortestMs}ms)` : ''
  const error = `a duration with a unit, like 300ms, 5s or 2m${least}`
  return z
    .string({ error })
    .regex(DURATION_PATTERN, { error })
    .refine((text) => durationMs(text) >= shortestMs && durationMs(text) <= LONGEST_MS, { error })
}

const SIZE = 'a size with a unit, like 400KB or 10MB'

/** A size with its unit, from one byte to a terabyte. */
export const size = z
  .string({ error: SIZE })
  .regex(SIZE_PATTERN, { error: SIZE })
  .refine((text) => sizeBytes(text) >= 1 && sizeBytes(text) <= 1e12, { error: SIZE })

const SHARE = 'a share with a percent sign, like 0.1%'

/** A share of requests, from 0% to 100%. */
export const share = z
  .string({ error: SHARE })
  .regex(SHARE_PATTERN, { error: SHARE })
  .refine((text) => shareRatio(text) <= 1, { error: SHARE })

/** A whole number between two bounds. */
export function whole(min: number, max: number) {
  const error = `a whole number from ${min} to ${max}`
  return z.int({ error }).min(min, { error }).max(max, { error })
}

/** A number above zero, at most a million: what one instance should carry. */
export const target = (() => {
  const error = 'a number above 0, at most 1000000'
  return z.number({ error }).gt(0, { error }).max(1e6, { error })
})()

/** Percent of one core, 1 to 100. */
export const percent = (() => {
  const error = 'a percentage from 1 to 100, as a plain number'
  return z.number({ error }).min(1, { error }).max(100, { error })
})()

/** What is said of a value that is no map. */
export function mapWords(what: string) {
  return { error: `a map with ${what}` }
}

/** What is said of a value that is no list, an empty one, and one that is too long. */
export function listWords(what: string, most: number) {
  return {
    kind: { error: `a list of ${what}` },
    least: { error: `a list of at least one of ${what}` },
    most: { error: `a list of at most ${most} ${what}` },
  }
}

const CRON = 'five cron fields in quotes, like "0 19 * * 5"'

/** When something starts: minute, hour, day of month, month, day of week. */
export const cron = text(CRON, /^[0-9A-Za-z*,/ -]{9,100}$/).refine(
  (given) => cronFields(given) !== undefined,
  { error: CRON },
)

const ZONE = 'a time zone, like Europe/Paris or UTC'

/** A name of the IANA time zone database. */
export const zone = text(ZONE, /^[A-Za-z][A-Za-z0-9_+/-]{0,63}$/).refine(isZone, { error: ZONE })

function isZone(given: string): boolean {
  try {
    return new Intl.DateTimeFormat('en-US', { timeZone: given }) !== undefined
  } catch {
    // A RangeError: there is no such zone.
    return false
  }
}

const DATE = 'a date, like 2026-12-25'

/** A day of the calendar. */
export const date = text(DATE, /^\d{4}-\d{2}-\d{2}$/).refine(
  (given) => new Date(`${given}T00:00:00Z`).toJSON()?.startsWith(given) === true,
  { error: DATE },
)

/** true or false. */
export const flag = z.boolean({ error: 'true or false' })

/** One of a few words. */
export function word<const W extends readonly [string, ...string[]]>(words: W) {
  return z.enum(words, { error: words.join(' or ') })
}

/** Text that is not empty, holds no NUL and is not absurdly long. */
export function text(expected: string, pattern = /^[^\0]{1,4096}$/) {
  return z.string({ error: expected }).regex(pattern, { error: expected })
}

const LISTEN = 'a port from 1 to 65535, or "host:port" like "127.0.0.1:8080"'
const LISTEN_PATTERN =
  /^(\[[0-9A-Fa-f:.]{2,45}\]|[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?):(\d{1,5})$/

/** Where to listen: a port (on every address), or host and port. */
export const listen = z.union(
  [
    z.int({ error: LISTEN }).min(1, { error: LISTEN }).max(65_535, { error: LISTEN }),
    z
      .string({ error: LISTEN })
      .regex(LISTEN_PATTERN, { error: LISTEN })
      .refine(isAddress, { error: LISTEN }),
  ],
  { error: LISTEN },
)

function isAddress(given: string): boolean {
  const { host, port } = address(given)
  return port >= 1 && port <= 65_535 && (given.startsWith('[') ? isIP(host) === 6 : true)
}

const HOSTNAME = 'a host name like shop.example or "*.shop.example" (others in their xn-- form)'
const LABEL = '[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?'

/** A name in the Host header; the first label may be a star. */
export const hostname = text(HOSTNAME, new RegExp(`^(?=.{1,253}$)(\\*\\.)?${LABEL}(\\.${LABEL})*$`))

const MEMBER = 'an IP address and a port, like 192.168.1.1:80'

/** An address that requests can be sent to. Names are none: they would be resolved once only. */
export const member = text(MEMBER, LISTEN_PATTERN).refine(
  (given) => isAddress(given) && isIP(address(given).host) !== 0,
  { error: MEMBER },
)

/** An absolute folder, without steps back or anything that a configuration would read. */
export const FOLDER_PATTERN = /^(\/(?!\.{1,2}(\/|$))[A-Za-z0-9_.@+-]+)+$/

/** Host and port of a `listen` value; a bare port means every address of the machine. */
export function address(given: number | string): { host: string; port: number } {
  if (typeof given === 'number') return { host: '0.0.0.0', port: given }
  const match = LISTEN_PATTERN.exec(given)
  return { host: (match?.[1] ?? '').replace(/^\[|\]$/g, ''), port: Number(match?.[2] ?? 0) }
}
