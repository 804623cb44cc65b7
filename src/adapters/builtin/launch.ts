// Starts the balancer process: detached, with its own log, and with nothing of our environment's
// secrets.
import { spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { closeSync, openSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { BalancerPaths } from './paths.ts'
import { NONCE_VARIABLE } from './process-identity.ts'

/** The process under way. */
export interface Launch {
  /**
   * Set once it failed. Leaving because another process serves the folder already is no failure.
   */
  failed(): string | undefined
}

/** Starts the process with the running Node; it outlives us. */
export function launch(paths: BalancerPaths): Launch {
  // As source this is .ts, as published .js: the entry beside it has the same ending.
  const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js'
  const entry = fileURLToPath(new URL(`./process.${extension}`, import.meta.url))
  const output = openSync(paths.log, 'a', 0o600)
  let end: string | undefined
  const child = spawn(process.execPath, [entry, paths.stateDir], {
    cwd: paths.stateDir,
    detached: true,
    stdio: ['ignore', output, output],
    env: { ...kept('PATH', 'LANG', 'TZ', 'TMPDIR'), [NONCE_VARIABLE]: randomUUID() },
  })
  child.once('error', (error) => {
    end = error.message
  })
  child.once('exit', (code, signal) => {
    if (code !== 0) end = `it ended with ${signal ?? `code ${code}`}`
  })
  child.unref()
  closeSync(output)
  return { failed: () => end }
}

/** The last line of the log, for a message. */
export function lastLogLine(path: string): string {
  try {
    return readFileSync(path, 'utf8').trimEnd().split('\n').at(-1) ?? ''
  } catch {
    // No log, nothing to quote.
    return ''
  }
}

function kept(...names: readonly string[]): Record<string, string> {
  const pairs = names.map((name) => [name, process.env[name]] as const)
  return Object.fromEntries(pairs.filter((pair): pair is [string, string] => pair[1] !== undefined))
}
