// NGINX's processes: started, found again and proven to be ours by boot, pid, start time and the
// prefix they work in, before anything is sent to them.
import { spawn } from 'node:child_process'
import { closeSync, openSync, readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { basename } from 'node:path'
import type { NginxPaths } from './paths.ts'
import { writeWhole } from './state.ts'

/** What is recorded of a process, and compared before it is signalled. */
export interface NginxIdentity {
  readonly pid: number
  readonly bootId: string
  /** Start time in clock ticks since boot. */
  readonly startTicks: string
  /** The folder it works in. */
  readonly prefix: string
}

/** Processes that work in a prefix. */
export interface NginxProcesses {
  readonly master: NginxIdentity | undefined
  /** Workers whose master is not `master`, shutting down or not. */
  readonly leftovers: readonly NginxIdentity[]
  /** Workers of `master` that take new connections. */
  readonly workers: readonly NginxIdentity[]
}

/** Names this boot of the machine; empty where the system does not say. */
export function bootId(): string {
  return read('/proc/sys/kernel/random/boot_id')?.trim() ?? ''
}

/** Looks at every process of the machine; nothing is taken from records. */
export function findProcesses(prefix: string): NginxProcesses {
  const ours = allProcesses().filter(({ identity }) => identity.prefix === prefix)
  const master = ours.find((found) => found.title.startsWith('nginx: master process'))
  const workers = ours.filter((found) => found.title.startsWith('nginx: worker process'))
  const isChild = (found: NginxProcess) =>
    master !== undefined && found.parent === master.identity.pid
  return {
    master: master?.identity,
    leftovers: workers.filter((found) => !isChild(found)).map(({ identity }) => identity),
    workers: workers
      .filter((found) => isChild(found) && !isLeaving(found.identity.pid))
      .map(({ identity }) => identity),
  }
}

/** Every NGINX process of the machine that can be seen. */
export function allProcesses(): readonly NginxProcess[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => look(Number(name)) ?? [])
}

/** Whether exactly this process still runs. Without proof the answer is no. */
export function isRunning(identity: NginxIdentity): boolean {
  if (identity.bootId !== bootId()) return false
  const found = look(identity.pid)?.identity
  return found?.startTicks === identity.startTicks && found.prefix === identity.prefix
}

/** Whether a worker takes no new connections any more. */
export function isLeaving(pid: number): boolean {
  return (
    !(title(pid) ?? '').startsWith('nginx: worker process') ||
    /shutting down/.test(title(pid) ?? '')
  )
}

/** Signals the process if it is proven to be the one. Returns whether it was signalled. */
export function signal(identity: NginxIdentity, name: NodeJS.Signals): boolean {
  if (!isRunning(identity)) return false
  try {
    process.kill(identity.pid, name)
    return true
  } catch {
    // It ended between the proof and the signal.
    return false
  }
}

/** Reads the recorded master; undefined when there is no record that can be read. */
export function readIdentity(path: string): NginxIdentity | undefined {
  try {
    const value = JSON.parse(readFileSync(path, 'utf8')) as Partial<NginxIdentity>
    const { pid, bootId, startTicks, prefix } = value
    const isWhole = typeof pid === 'number' && pid > 1
    const texts = [bootId, startTicks, prefix].every((text) => typeof text === 'string')
    return isWhole && texts ? (value as NginxIdentity) : undefined
  } catch {
    // No record, or a torn one: it names no process.
    return undefined
  }
}

/** A master under way. */
export interface Launch {
  /** Its identity, once it has one. */
  identity(): NginxIdentity | undefined
  /** Set once it ended. */
  ended(): string | undefined
}

/** Starts NGINX in a session of its own; it outlives us. */
export function launch(nginx: string, paths: NginxPaths): Launch {
  const output = openSync(paths.errorLog, 'a', 0o600)
  let end: string | undefined
  const argv = ['-p', `${paths.prefix}/`, '-c', paths.config, '-e', 'logs/error.log']
  const child = spawn(nginx, argv, {
    cwd: paths.prefix,
    detached: true,
    stdio: ['ignore', output, output],
    env: {
      PATH: '/usr/sbin:/usr/bin:/sbin:/bin',
      ...(process.env.TZ ? { TZ: process.env.TZ } : {}),
    },
  })
  child.once('error', (error) => {
    end = error.message
  })
  child.once('exit', (code, name) => {
    end = `it ended with ${name ?? `code ${code}`}`
  })
  child.unref()
  closeSync(output)
  return {
    identity: () => {
      const found = child.pid === undefined ? undefined : look(child.pid)?.identity
      return found?.prefix === paths.prefix ? found : undefined
    },
    ended: () => end,
  }
}

/** Records the master, so that a later controller finds it. */
export function writeIdentity(path: string, identity: NginxIdentity): void {
  writeWhole(path, JSON.stringify(identity))
}

/** A process whose program is called `nginx`. */
export interface NginxProcess {
  readonly identity: NginxIdentity
  readonly parent: number
  readonly title: string
  /** The path of its program, which may have been replaced since. */
  readonly program: string
}

function look(pid: number): NginxProcess | undefined {
  // Cheap looks first: nearly every process of the machine ends here.
  const name = title(pid)
  if (name === undefined || !/^(nginx:|\S*nginx\0)/.test(name)) return undefined
  const prefix = link(`/proc/${pid}/cwd`)
  const program = (link(`/proc/${pid}/exe`) ?? '').replace(/ \(deleted\)$/, '')
  const fields = stat(pid)
  if (prefix === undefined || basename(program) !== 'nginx') return undefined
  if (fields === undefined || fields[0] === 'Z') return undefined
  const identity = { pid, bootId: bootId(), startTicks: fields[19] ?? '', prefix }
  return { identity, parent: Number(fields[1]), title: name, program }
}

function title(pid: number): string | undefined {
  return read(`/proc/${pid}/cmdline`)
}

/** Fields of /proc/PID/stat from the state on: the name before them may hold anything. */
function stat(pid: number): readonly string[] | undefined {
  const text = read(`/proc/${pid}/stat`)
  return text?.slice(text.lastIndexOf(')') + 2).split(' ')
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'latin1')
  } catch {
    // Processes come and go, and some are not ours to see: nothing is known then.
    return undefined
  }
}

function link(path: string): string | undefined {
  try {
    return readlinkSync(path)
  } catch {
    // As above.
    return undefined
  }
}
