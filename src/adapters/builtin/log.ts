// The balancer's log: lines on standard output, which is the log file, within a bounded size.
import { ftruncateSync, writeSync } from 'node:fs'

const STDOUT = 1
/** The log is cut when this process has written so much, in bytes. */
const LIMIT = 2_000_000

let written = 0

/** Writes one line with its time. */
export function log(line: string): void {
  const text = `${new Date().toISOString()} ${line}\n`
  try {
    written += writeSync(STDOUT, text)
    if (written < LIMIT) return
    written = 0
    ftruncateSync(STDOUT, 0)
  } catch {
    // A full disk must not stop the balancer, and there is nowhere else to say so.
  }
}
