// Whose NGINX it is: the masters that run on this machine, how each was started, and which of them
// reads a given file. Others own them: they are asked and signalled, never started or ended.
import { execFile } from 'node:child_process'
import { readFileSync, realpathSync, statSync } from 'node:fs'
import { basename, dirname, isAbsolute, join, resolve } from 'node:path'
import { fault } from '../../../core/errors.ts'
import type { Fault } from '../../../core/model.ts'
import type { Cancel, Clock } from '../../../core/ports.ts'
import { allProcesses, type NginxIdentity } from '../process.ts'

const TIMEOUT_MS = 10_000
const OUTPUT_LIMIT = 32 * 1024 * 1024
/** More masters than this are not looked through. */
const MOST_MASTERS = 32
/** How often, and how far apart, it is looked whether a process is a master after all. */
const MOST_LOOKS = 20
const LOOK_MS = 25

/** A master process, and what its program is to be called with to read the same configuration. */
export interface Master {
  readonly identity: NginxIdentity
  readonly program: string
  readonly argv: readonly string[]
  readonly parent: number
}

/** What an installation's configuration says of itself. */
export interface Dump {
  /** Absolute paths as they stand behind `include`, with `*` and the like. */
  readonly includes: readonly string[]
  /** The parameters of each `listen`. */
  readonly listens: readonly string[]
  readonly errorLog: string | undefined
}

/** What `nginx -t` thinks. */
export interface Verdict {
  /** In NGINX's own words; undefined when all is well. */
  readonly wrong: string | undefined
  /** Everything it said, warnings included. */
  readonly said: string
}

/** The arguments in a master's title that say which configuration it reads. */
export function parseTitle(title: string): readonly string[] {
  const words = title.replace(/^nginx: master process /, '').split(' ')
  const argv: string[] = []
  let isWanted = false
  for (const word of words.slice(1)) {
    const flag = /^-([A-Za-z?]+)(.*)$/.exec(word)
    if (flag) {
      isWanted = /^[pcge]$/.test(flag[1]?.[0] ?? '')
      if (isWanted) argv.push(word.slice(0, 2), ...(word.length > 2 ? [word.slice(2)] : []))
      continue
    }
    if (!isWanted || word === '') continue
    // Spaces within an argument are lost between words: what follows belongs to it.
    const isFirst = /^-.$/.test(argv.at(-1) ?? '')
    if (isFirst) argv.push(word)
    else argv.push(`${argv.pop() ?? ''} ${word}`)
  }
  return argv
}

/** The masters that this user may look into, of this file system. */
export function masters(): readonly Master[] {
  return allProcesses()
    .filter(({ identity, title }) => isTitle(title) && hasOurRoot(identity.pid))
    .slice(0, MOST_MASTERS)
    .map(({ identity, title, program, parent }) => {
      const text = Buffer.from(title, 'latin1').toString('utf8').replace(/\0/g, ' ').trimEnd()
      return { identity, program, parent, argv: parseTitle(text) }
    })
}

function isTitle(title: string): boolean {
  return title.startsWith('nginx: master process')
}

/** The masters once all of them are what they say: a worker begins with its master's title. */
async function settledMasters(clock: Clock, cancel: Cancel): Promise<readonly Master[]> {
  let all = masters()
  const isForked = () => all.some(({ parent }) => all.some((one) => one.identity.pid === parent))
  for (let looks = 0; looks < MOST_LOOKS && isForked() && !cancel.aborted; looks += 1) {
    await clock.sleep(LOOK_MS, cancel)
    all = masters()
  }
  // What stays is an upgrade: the old master is the new one's parent, and the new one counts.
  const parents = new Set(all.map(({ parent }) => parent))
  return all.filter(({ identity }) => !parents.has(identity.pid))
}

/** Workers of a master that take new connections. */
export function workersOf(master: NginxIdentity): readonly NginxIdentity[] {
  return allProcesses()
    .filter(({ parent, title }) => parent === master.pid && /^nginx: worker process\b/.test(title))
    .filter(({ title }) => !title.includes('shutting down'))
    .map(({ identity }) => identity)
}

/** The one master whose configuration would read `file`; E_ATTACH says why there is none. */
export async function findMaster(
  file: string,
  { clock, cancel }: { readonly clock: Clock; readonly cancel: Cancel },
): Promise<Master | Fault> {
  const all = await settledMasters(clock, cancel)
  const looked = await Promise.all(all.map(async (one) => ({ one, dump: await dump(one) })))
  const readers = looked.filter(({ dump }) => !('wrong' in dump) && reads(dump, file))
  const [reader] = readers
  if (readers.length > 1) {
    const pids = readers.map(({ one }) => one.identity.pid).join(', ')
    return fault('E_ATTACH', `several NGINX read ${dirname(file)} (pids ${pids}): stop all but one`)
  }
  if (reader) return reader.one
  const broken = looked.flatMap(({ dump }) => ('wrong' in dump ? [dump.wrong] : []))
  if (broken.length > 0) return brokenBefore(broken.join('; '))
  if (all.length === 0) {
    const why = 'start it (systemctl start nginx), as a user that may look at its processes'
    return fault('E_ATTACH', `no NGINX runs that could read ${file}: ${why}`, true)
  }
  const line = `include ${join(dirname(file), '*.conf')};`
  const how = `start the one that does, or put \`${line}\` into its http block`
  return fault('E_ATTACH', `no running NGINX reads ${file}: ${how}`, true)
}

/** The fault for an installation that was broken before anything was touched. */
export function brokenBefore(wrong: string): Fault {
  const message = 'the NGINX installation refuses its own configuration; nothing was touched'
  return fault('E_ATTACH', `${message}: ${wrong}`, true)
}

/** Tests the configuration as it lies on the disk, the master's own way. */
export async function testInstallation(master: Master): Promise<Verdict> {
  const { failed, said } = await run(master, ['-q', '-t'])
  return { wrong: failed ? worst(said) : undefined, said }
}

/** All that the installation reads, or what is wrong with it. */
export async function dump(master: Master): Promise<Dump | { readonly wrong: string }> {
  const { failed, said, output } = await run(master, ['-q', '-T'])
  return failed ? { wrong: worst(said) } : parseDump(output)
}

/** Reads what `nginx -T` prints. */
export function parseDump(text: string): Dump {
  const main = /^# configuration file (.+):$/m.exec(text)?.[1] ?? '/'
  const lines = text.split('\n').map((line) => line.replace(/(^|\s)#.*$/, ''))
  const directive = (name: string) => {
    const pattern = new RegExp(`(?:^|[;{}\\s])${name}\\s+([^;{}]+);`, 'g')
    return [...lines.join('\n').matchAll(pattern)].map((match) => (match[1] ?? '').trim())
  }
  const bare = (value: string) => value.replace(/^(["'])(.*)\1$/, '$2')
  return {
    includes: directive('include').map((value) => resolve(dirname(main), bare(value))),
    listens: directive('listen'),
    errorLog: directive('error_log')
      .map((value) => bare(value.split(/\s+/)[0] ?? ''))
      .find(isAbsolute),
  }
}

/** Whether a file would be read, if it were there. */
export function reads({ includes }: Pick<Dump, 'includes'>, file: string): boolean {
  const name = basename(file)
  const here = real(dirname(file))
  return includes.some((pattern) => {
    if (like(pattern).test(file)) return true
    return real(dirname(pattern)) === here && like(basename(pattern)).test(name)
  })
}

function like(pattern: string): RegExp {
  const escaped = pattern.replace(/[.+^${}()|\\]/g, '\\$&')
  return new RegExp(`^${escaped.replace(/\*/g, '[^/]*').replace(/\?/g, '[^/]')}$`)
}

function real(folder: string): string {
  try {
    return realpathSync(folder)
  } catch {
    // With a pattern in it, or gone: it is compared as it stands.
    return folder
  }
}

// A container's master has another root: its files are not those that we would write.
function hasOurRoot(pid: number): boolean {
  try {
    const [theirs, ours] = [statSync(`/proc/${pid}/root`), statSync('/')]
    return theirs.dev === ours.dev && theirs.ino === ours.ino
  } catch {
    // Another user's, or gone.
    return false
  }
}

interface Ran {
  readonly failed: boolean
  readonly said: string
  readonly output: string
}

function run(master: Master, argv: readonly string[]): Promise<Ran> {
  const options = {
    cwd: master.identity.prefix,
    timeout: TIMEOUT_MS,
    maxBuffer: OUTPUT_LIMIT,
    env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin' },
  }
  return new Promise((done) => {
    execFile(master.program, [...master.argv, ...argv], options, (error, output, said) => {
      done({ failed: error !== null, said: said || (error?.message ?? ''), output })
    })
  })
}

function worst(said: string): string {
  const lines = said.split('\n').filter((line) => line !== '')
  return lines.find((line) => line.includes('[emerg]')) ?? lines[0] ?? 'it says nothing'
}

/** The user and the group of workers. */
export interface WorkerIds {
  readonly user: number
  readonly group: number
}

/** Who a master's workers are; undefined while it has none. */
export function workerAccounts(master: NginxIdentity): WorkerIds | undefined {
  const worker = workersOf(master)[0]
  if (worker === undefined) return undefined
  try {
    const text = readFileSync(`/proc/${worker.pid}/status`, 'latin1')
    const id = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(text)?.[1])
    return { user: id('Uid'), group: id('Gid') }
  } catch {
    // It ended in this moment.
    return undefined
  }
}
