// Runs a program to its end with a time limit, and keeps what it said.
import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'

/** The project's folder. */
export const ROOT = fileURLToPath(new URL('..', import.meta.url)).replace(/[\\/]$/, '')

/** How a program ended. */
export interface Ended {
  /** Exit code; undefined when it was ended by a signal or never started. */
  readonly code?: number
  /** Both outputs as they came, the last 256 KiB. */
  readonly output: string
  readonly isTimedOut: boolean
}

const MOST_OUTPUT = 256 * 1024

/** What is running now, so that ending this process ends it too. */
const running = new Set<number>()
for (const signal of ['SIGINT', 'SIGTERM'] as const)
  process.once(signal, () => {
    for (const pid of running) killGroup(pid)
    process.exit(signal === 'SIGINT' ? 130 : 143)
  })

/**
 * Runs argv in the project's folder, or in `cwd`; kills its whole process group after `limitMs`.
 */
export function runCommand(
  argv: readonly string[],
  options: { readonly limitMs: number; readonly cwd?: string; readonly env?: NodeJS.ProcessEnv },
): Promise<Ended> {
  const [program = '', ...args] = argv
  return new Promise((resolve) => {
    const child = spawn(program, args, {
      cwd: options.cwd ?? ROOT,
      env: options.env ?? process.env,
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    let output = ''
    let isTimedOut = false
    const keep = (chunk: Buffer) => {
      output = (output + chunk.toString()).slice(-MOST_OUTPUT)
    }
    child.stdout.on('data', keep)
    child.stderr.on('data', keep)
    const timer = setTimeout(() => {
      isTimedOut = true
      if (child.pid !== undefined) killGroup(child.pid)
    }, options.limitMs)
    if (child.pid !== undefined) running.add(child.pid)
    const end = (code: number | null, said: string) => {
      clearTimeout(timer)
      if (child.pid !== undefined) running.delete(child.pid)
      resolve({ ...(code === null ? {} : { code }), output: said, isTimedOut })
    }
    child.on('error', (error) => end(null, `${program}: ${error.message}\n`))
    child.on('exit', (code) => {
      // What the program left running may hold the pipes open: do not wait for it.
      setTimeout(() => end(code, output), 50)
    })
  })
}

function killGroup(pid: number): void {
  try {
    process.kill(-pid, 'SIGKILL')
  } catch {
    // It ended by itself in this moment.
  }
}
