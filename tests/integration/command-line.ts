// What the suites of the command line have in common: the document, the exit code, what is left.
import assert from 'node:assert/strict'
import { connect } from 'node:net'
import { ERRORS } from '../../src/core/errors.ts'
import { type Ran, type TestApplication, until } from './application.ts'

/** A JSON document. */
export type Json = Record<string, unknown>

/** The one document of `--json`; there must be nothing else on standard output. */
export function documentOf(ran: Ran): Json {
  try {
    return JSON.parse(ran.stdout) as Json
  } catch (error) {
    throw new Error(`not one JSON document: ${ran.stdout}\n${ran.stderr}`, { cause: error })
  }
}

/** The document of a verb that did what was asked. */
export function done(ran: Ran): Json {
  assert.equal(ran.code, 0, `${ran.stdout}${ran.stderr}`)
  return documentOf(ran)
}

/** The message of a verb that failed with this code of the catalogue. */
export function failedWith(ran: Ran, code: keyof typeof ERRORS, exit = 1): string {
  const { error } = documentOf(ran) as { error?: { code: string; message: string; remedy: string } }
  assert.equal(error?.code, code, ran.stdout)
  assert.equal(error.remedy, ERRORS[code].remedy)
  assert.equal(ran.code, exit, ran.stdout)
  return error.message
}

/** Whether anybody accepts on a port of this machine. */
export function listens(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port })
    const end = (found: boolean) => {
      socket.destroy()
      resolve(found)
    }
    socket.once('connect', () => end(true))
    socket.once('error', () => end(false))
  })
}

/** Waits until no instance runs and nobody listens any more. */
export async function nothingIsLeft(app: TestApplication): Promise<void> {
  await until('every process to be gone', 5_000, () => app.processes().length === 0 || undefined)
  await until('the balancer to be gone', 5_000, async () => {
    return (await listens(app.listenPort)) ? undefined : true
  })
  assert.equal(await listens(app.apiPort), false)
}
