// What a benchmark needs of a process manager to compare it with another on the same application.
import { execFile } from 'node:child_process'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'

/** A process manager with the application under it. Calls resolve once the change is complete. */
export interface Side {
  readonly name: string
  /** Starts `instances` of the application; `url` is where its requests go. */
  start(instances: number): Promise<{ readonly url: URL }>
  /** Makes it this many instances; resolves once all of them serve and none is left over. */
  scale(instances: number): Promise<void>
  /** Rolls all instances; resolves once all are new ones. */
  restart(): Promise<void>
  /** Ends everything that was started and removes its files. */
  stop(): Promise<void>
}

/** How a side stops an instance: with nothing in the application, or in its own recommended way. */
export type Drain = 'none' | 'recommended'

/** The application, the same file for every side. */
export const APPLICATION = fileURLToPath(new URL('../app/server.js', import.meta.url))

const COMMAND_TIMEOUT_MS = 120_000
const MAX_OUTPUT_BYTES = 10_000_000
const POLL_MS = 50

/** Runs a Node program and returns what it printed. Throws with its output when it fails. */
export function runNode(args: readonly string[], env: NodeJS.ProcessEnv): Promise<string> {
  const options = { env, timeout: COMMAND_TIMEOUT_MS, maxBuffer: MAX_OUTPUT_BYTES }
  return new Promise((resolve, reject) => {
    execFile(process.execPath, [...args], options, (error, stdout, stderr) => {
      if (error === null) resolve(stdout)
      else reject(new Error(`${args.join(' ')}: ${error.message}\n${stdout}${stderr}`))
    })
  })
}

/** Asks until the answer is yes. Throws, naming `what`, when it stays no. */
export async function until(what: string, isTrue: () => Promise<boolean>): Promise<void> {
  const endMs = performance.now() + COMMAND_TIMEOUT_MS
  while (!(await isTrue())) {
    if (performance.now() > endMs) throw new Error(`waited in vain: ${what}`)
    await sleep(POLL_MS)
  }
}

/** Whether a request to the URL is answered with 2xx or 3xx. */
export async function isServing(url: URL): Promise<boolean> {
  try {
    const response = await fetch(url, { headers: { connection: 'close' } })
    await response.arrayBuffer()
    return response.status < 400
  } catch {
    // Nothing listens yet, which is what was asked.
    return false
  }
}
