// Puts our file in force in an installation of others: tested with everything of theirs before,
// proven after, and taken back when the test or the proof fails. No other file is touched.
import { mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fault } from '../../../core/errors.ts'
import type { Fault } from '../../../core/model.ts'
import type { Cancel } from '../../../core/ports.ts'
import { testConfig } from '../binary.ts'
import type { Installation } from '../installation.ts'
import { clientsLeft } from '../leaving.ts'
import { isLeaving, type NginxIdentity, signal } from '../process.ts'
import { proven } from '../reload.ts'
import { generationOf } from '../written/config.ts'
import { brokenBefore, dump, type Master, testInstallation, workersOf } from './master.ts'
import { type Owner, readInclude, writeInclude } from './place.ts'

/** How long workers may take to be replaced where nothing of ours is left to ask. */
const REPLACED_MS = 4_000
const POLL_MS = 20
const LOG_TAIL = 64_000

/** What a change is made with. */
export interface Applying {
  readonly installation: Installation
  readonly owner: Owner
  readonly master: Master
  readonly cancel: Cancel
}

/** What is to be in force: a text with its number, or nothing of ours. */
export interface Wanted {
  readonly text: string | undefined
  /** The number that the control server answers then; none where there is no such server. */
  readonly generation?: number
  /** Hostnames that nobody else may have on the same address. */
  readonly hostnames?: readonly string[]
}

/** How a change ended; `isReloaded` where the installation was reloaded, in vain or not. */
export interface Applied {
  readonly fault: Fault | undefined
  readonly isReloaded: boolean
  /** The installation was broken before, and not by us: nothing was tried. */
  readonly isBroken?: boolean
}

/** One verified reload. Fault: E_ATTACH, and everything is as it was before. */
export async function apply(applying: Applying, wanted: Wanted): Promise<Applied> {
  const before = readInclude(applying.installation.paths.config, applying.owner)
  if (typeof before === 'object') return { fault: before, isReloaded: false }
  const { master, installation } = applying
  const [known, log] = await Promise.all([testInstallation(master), errorLog(master)])
  // Where the reason is our own file, a new one is the cure.
  if (known.wrong !== undefined && !known.wrong.includes(installation.paths.config)) {
    return { fault: brokenBefore(known.wrong), isReloaded: false, isBroken: true }
  }
  const failure = await put(applying, wanted, before)
  if (failure) return { fault: failure, isReloaded: false }
  return reload(applying, wanted, { before, log })
}

/** Writes our file, and sees that NGINX takes it beside everything else. */
async function put(
  { installation, master }: Applying,
  wanted: Wanted,
  before: string | undefined,
): Promise<Fault | undefined> {
  const { config } = installation.paths
  const refused = await alone(installation.paths.prefix, master, wanted.text)
  if (refused !== undefined) return fault('E_ATTACH', `NGINX refuses what was written: ${refused}`)
  const failure = writeInclude(config, wanted.text)
  if (failure) return failure
  const wrong = await objection(master, wanted)
  if (wrong === undefined) return undefined
  const failed = writeInclude(config, before)
  return failed ?? fault('E_ATTACH', `NGINX refuses the change, which was taken back: ${wrong}`)
}

async function reload(
  applying: Applying,
  wanted: Wanted,
  { before, log }: { readonly before: string | undefined; readonly log: Log | undefined },
): Promise<Applied> {
  const { installation, master, cancel } = applying
  const { control, clock } = installation
  const { config } = installation.paths
  await leave(applying, wanted, before)
  if (cancel.aborted) {
    const late = fault('E_TIMEOUT', 'there was no time left for a reload', true)
    return { fault: writeInclude(config, before) ?? late, isReloaded: false }
  }
  const old = workersOf(master.identity)
  const isTaken =
    signal(master.identity, 'SIGHUP') &&
    (wanted.generation === undefined
      ? await replaced(applying, old)
      : await proven({ control, clock, cancel }, wanted.generation, old))
  if (isTaken) return { fault: undefined, isReloaded: true }
  const failed = writeInclude(config, before)
  signal(master.identity, 'SIGHUP')
  const why = log === undefined ? 'see its error log' : newTrouble(log)
  const message = `NGINX did not take the change, which was taken back: ${why}`
  return { fault: failed ?? fault('E_ATTACH', message, true), isReloaded: true }
}

// Our clients can be asked, those of others can't. Who leaves for good is not waited for.
async function leave(
  { installation, cancel }: Applying,
  { generation }: Wanted,
  before: string | undefined,
): Promise<void> {
  if (before === undefined || generation === undefined) return
  const ports = new Set(installation.state().groups.map(({ group }) => group.listen.port))
  const begin = (serving: number) => installation.leave(serving)
  const serving = generationOf(before)
  if (serving === undefined) return
  await clientsLeft({ clock: installation.clock, cancel }, { ports, begin }, serving)
}

// Our part by itself, before it lies where a reload of others would find it.
async function alone(
  prefix: string,
  master: Master,
  text: string | undefined,
): Promise<string | undefined> {
  if (text === undefined) return undefined
  const folder = join(prefix, 'candidate')
  mkdirSync(join(folder, 'logs'), { recursive: true, mode: 0o700 })
  try {
    const temporaries = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
      .map((kind) => `${kind}_temp_path ${kind};`)
      .join(' ')
    writeFileSync(join(folder, 'include.conf'), text, { mode: 0o600 })
    const main = `pid pid; events { } http { ${temporaries} access_log off; include include.conf; }\n`
    writeFileSync(join(folder, 'nginx.conf'), main, { mode: 0o600 })
    const wrong = await testConfig(master.program, folder, join(folder, 'nginx.conf'))
    return wrong?.replaceAll(`${folder}/`, '')
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

async function objection(master: Master, wanted: Wanted): Promise<string | undefined> {
  const { wrong, said } = await testInstallation(master)
  if (wrong !== undefined) return wrong
  // NGINX only warns, and serves the other one.
  return said.split('\n').find((line) => {
    const name = /conflicting server name "([^"]*)"/.exec(line)?.[1]
    return name !== undefined && wanted.hostnames?.includes(name)
  })
}

/** Whether all of the old workers let go, and others took their place. */
async function replaced(
  { installation: { clock }, master, cancel }: Applying,
  old: readonly NginxIdentity[],
): Promise<boolean> {
  const endAtMs = clock.monotonic() + REPLACED_MS
  while (clock.monotonic() < endAtMs && !cancel.aborted) {
    if (old.every(({ pid }) => isLeaving(pid)) && workersOf(master.identity).length > 0) return true
    await clock.sleep(POLL_MS, cancel)
  }
  return false
}

interface Log {
  readonly path: string
  readonly size: number
}

async function errorLog(master: Master): Promise<Log | undefined> {
  const found = await dump(master)
  if ('wrong' in found || found.errorLog === undefined) return undefined
  try {
    return { path: found.errorLog, size: statSync(found.errorLog).size }
  } catch {
    // Not ours to read: the reason is theirs to find.
    return undefined
  }
}

function newTrouble({ path, size }: Log): string {
  try {
    const added = readFileSync(path).subarray(size).toString('utf8').slice(-LOG_TAIL)
    const lines = added.split('\n').filter((line) => /\[(emerg|alert|crit)\]/.test(line))
    return lines.at(-1) ?? 'its new workers did not come, and it does not say why'
  } catch {
    // Rotated away in between.
    return 'see its error log'
  }
}
