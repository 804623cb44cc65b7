// How a verb fails: with an exit code, a code of the catalogue and its remedy.
import { errorBody, PlimsollError } from '../core/errors.ts'

/** Done, could not, wrong usage or file. */
export const EXIT = { ok: 0, failed: 1, usage: 2 } as const

const USAGE_CODES: readonly string[] = ['E_USAGE', 'E_FILE_INVALID', 'E_FILE_MISSING']

/** Bad usage or a bad file is 2, everything else 1. */
export function exitCodeOf(code: string): number {
  return USAGE_CODES.includes(code) ? EXIT.usage : EXIT.failed
}

/** Any error as code and message; what is not of the catalogue is a defect. */
export function describeError(error: unknown): { readonly code: string; readonly message: string } {
  if (error instanceof PlimsollError) return { code: error.code, message: error.message }
  return {
    code: 'E_INTERNAL',
    message: error instanceof Error ? (error.stack ?? error.message) : String(error),
  }
}

/** The error as text for people. */
export function errorText(code: string, message: string): string {
  return `error ${code}: ${message}\n  ${errorBody(code, message).error.remedy}\n`
}
