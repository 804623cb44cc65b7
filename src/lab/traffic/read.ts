// Traffic from a file: CSV or an access log, compressed or not, told apart by what is in it.
import { readFileSync, statSync } from 'node:fs'
import { basename } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { fault } from '../../core/errors.ts'
import type { Fault } from '../../core/model.ts'
import { printable } from '../../core/words/printable.ts'
import { parseAccessLog } from './access-log.ts'
import { parseCsv, type Traffic } from './csv.ts'
import { isUtilisation, parseUtilisation } from './utilisation.ts'

/** Larger files than this, or larger text after decompression, are refused: 500 MB. */
const MOST_BYTES = 500_000_000
const GZIP = [0x1f, 0x8b]

/** What an instance serves at full utilisation where nobody says it, in requests per second. */
const CAPACITY_RPS = 50

/**
 * Reads a file; `capacityRps` is what an instance serves, for recorded utilisation. Faults:
 * E_TRAFFIC_FILE, E_TRAFFIC_EMPTY, E_TRAFFIC_INVALID, E_TRAFFIC_SHORT.
 */
export function readTraffic(path: string, capacityRps = CAPACITY_RPS): Traffic | Fault {
  const name = printable(basename(path))
  const bytes = bytesOf(path)
  if ('code' in bytes) return bytes
  const text = bytes.toString('utf8')
  if (text.includes('\u0000')) {
    return fault('E_TRAFFIC_INVALID', `${name} is not text`)
  }
  const first = text.slice(0, text.indexOf('\n') + 1 || undefined)
  if (/\[\d{2}\/\w{3}\/\d{4}:/.test(text.slice(0, 10_000)) || !first.includes(',')) {
    return parseAccessLog(text, name)
  }
  const bare = name.replace(/\.csv(\.gz)?$/, '')
  return isUtilisation(first) ? parseUtilisation(text, bare, capacityRps) : parseCsv(text, bare)
}

function bytesOf(path: string): Buffer | Fault {
  try {
    if (statSync(path).size > MOST_BYTES) {
      return fault('E_TRAFFIC_FILE', `${path} is larger than ${MOST_BYTES} bytes`)
    }
    const bytes = readFileSync(path)
    const isGzip = GZIP.every((byte, i) => bytes[i] === byte)
    return isGzip ? gunzipSync(bytes, { maxOutputLength: MOST_BYTES }) : bytes
  } catch (error) {
    // Absent, a folder, not ours to read, or broken: the message says which.
    return fault('E_TRAFFIC_FILE', error instanceof Error ? error.message : String(error))
  }
}
