// `up --detach`: the controller in a process of its own; returns when everything is ready.
import { spawn } from 'node:child_process'
import { fstatSync, mkdirSync, openSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { type ErrorCode, PlimsollError } from '../core/errors.ts'
import type { StatusView } from '../engine/view.ts'
import { balancerLines } from './balancer.ts'
import { call, isRunning } from './client.ts'
import { EXIT } from './failure.ts'
import type { Output } from './output.ts'
import type { UpOptions, UpSource } from './source.ts'

const POLL_MS = 100
const EXTRA_MS = 15_000
/** A balancer that did not come up for this long will not by itself. */
const DOWN_MS = 5_000

/** Starts the controller and waits until every group is ready, it ended, or the time is over. */
export async function runDetached(
  source: UpSource,
  stateDir: string,
  options: UpOptions,
  output: Output,
): Promise<number> {
  const logPath = join(stateDir, 'controller.log')
  const log = openLog(stateDir, logPath)
  const { size: from } = fstatSync(log)
  const child = spawn(process.execPath, [...process.execArgv, ...argv(source, stateDir, options)], {
    detached: true,
    stdio: ['ignore', log, log],
  })
  child.unref()
  let exited = false
  child.once('exit', () => {
    exited = true
  })
  const mostMs = Math.max(...source.config.spec.groups.map((g) => g.run.startTimeoutMs)) + EXTRA_MS
  let downMs = 0
  for (let waited = 0; waited < mostMs; waited += POLL_MS) {
    if (exited) throw endedEarly(logPath, from)
    const status = await statusOf(stateDir)
    const down = status?.balancer?.down
    downMs = down === undefined ? 0 : downMs + POLL_MS
    if (down !== undefined && downMs > DOWN_MS) throw new PlimsollError('E_BALANCER', down)
    if (status !== undefined && isReady(status)) {
      output.document(status)
      for (const g of status.groups)
        output.say(`${g.group}: ${g.ready} of ${g.desired} ready on ${g.listen ?? '-'}`)
      for (const line of balancerLines(status.balancer, source.config.spec)) output.say(line)
      return EXIT.ok
    }
    await sleep(POLL_MS)
  }
  const why = await failuresOf(stateDir)
  const message = `not ready within ${Math.round(mostMs / 1000)} s${why}; see ${logPath}`
  throw new PlimsollError('E_NOT_READY', message)
}

function openLog(stateDir: string, logPath: string): number {
  try {
    mkdirSync(stateDir, { recursive: true, mode: 0o700 })
    return openSync(logPath, 'a', 0o600)
  } catch (error) {
    const message = `the state folder ${stateDir} can't be used: ${(error as Error).message}`
    throw new PlimsollError('E_STORE', message, { cause: error })
  }
}

// What the groups that are not ready died of.
async function failuresOf(stateDir: string): Promise<string> {
  const status = await statusOf(stateDir)
  if (status === undefined) return ''
  return status.groups
    .flatMap((g) => (g.failures === null ? [] : [`; ${g.failures.reason}`]))
    .join('')
}

function argv(source: UpSource, stateDir: string, options: UpOptions): readonly string[] {
  const entry = process.argv[1] ?? ''
  if (source.file !== null) return [entry, 'up', '--state', stateDir, '--file', source.file]
  const listen = options.listen === undefined ? [] : ['--listen', options.listen]
  return [entry, 'up', '--state', stateDir, ...listen, '--', ...source.command]
}

// Undefined while nobody answers.
async function statusOf(stateDir: string): Promise<StatusView | undefined> {
  if (!(await isRunning(stateDir))) return undefined
  try {
    return await call<StatusView>(stateDir, 'GET', '/status')
  } catch (error) {
    // It answered a moment ago: on a busy machine it may just be late.
    if (error instanceof PlimsollError && ['E_NOT_RUNNING', 'E_TIMEOUT'].includes(error.code)) {
      return undefined
    }
    throw error
  }
}

function isReady(status: StatusView): boolean {
  return status.tick !== null && status.groups.every((g) => g.ready >= g.desired)
}

// The controller's own last words, in its own code where it gave one.
function endedEarly(logPath: string, from: number): PlimsollError {
  // What stands before is of earlier controllers.
  const own = readFileSync(logPath).subarray(from).toString('utf8')
  const said = own.trim().split('\n').slice(-20).join('\n')
  const code = /error (E_[A-Z_]+): (.*)/.exec(said)
  if (code === null) return new PlimsollError('E_INTERNAL', `the controller ended: ${said}`)
  return new PlimsollError(code[1] as ErrorCode, code[2] ?? said)
}
