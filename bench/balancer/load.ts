// Load that saturates both cores, by wrk, and the processor time that it costs.
import { execFile } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { promisify } from 'node:util'

const run = promisify(execFile)
const TICKS_PER_SECOND = 100

/** What one run came to. */
export interface Measured {
  readonly perSecond: number
  /** Microseconds of the balancer, the instances and whoever watches them, per request. */
  readonly cpuMicros: number
}

/** Whether wrk can be started. */
export async function hasWrk(): Promise<boolean> {
  // It prints its version and exits 1.
  const said = await run('wrk', ['-v']).catch((error: { stdout?: string }) => error)
  return /wrk/.test(said.stdout ?? '')
}

/** 32 connections without think time for some seconds; throws where an answer was not 2xx. */
export async function saturate(
  url: string,
  seconds: number,
  roots: readonly number[],
): Promise<Measured> {
  const before = cpuSeconds(roots)
  const own = process.cpuUsage()
  const { stdout } = await run('wrk', ['-t1', '-c32', `-d${seconds}s`, url])
  const requests = Number(/(\d+) requests in/.exec(stdout)?.[1])
  const bad = /Non-2xx.*|Socket errors.*/.exec(stdout)?.[0]
  if (!(requests > 0) || bad) throw new Error(`${url}: ${bad ?? stdout}`)
  const { user, system } = process.cpuUsage(own)
  const spent = (cpuSeconds(roots) - before) * 1e6 + user + system
  return { perSecond: requests / seconds, cpuMicros: spent / requests }
}

// Of these processes and their children.
function cpuSeconds(roots: readonly number[]): number {
  const all = readdirSync('/proc').filter((name) => /^\d+$/.test(name))
  return all.map(Number).reduce((sum, pid) => {
    const fields = statOf(pid)
    const isOurs = roots.includes(pid) || roots.includes(Number(fields[1]))
    return isOurs ? sum + (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND : sum
  }, 0)
}

// proc(5): what follows the name, from the state on.
function statOf(pid: number): readonly string[] {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8')
    return text.slice(text.lastIndexOf(')') + 2).split(' ')
  } catch {
    // It ended while we looked.
    return []
  }
}
