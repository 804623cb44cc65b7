// Where an attached NGINX keeps what: one file of ours in a folder of theirs, and a private folder
// with links that outlasts a reboot.
import { createHash } from 'node:crypto'
import {
  accessSync,
  constants,
  mkdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, dirname, join, resolve } from 'node:path'
import { fault } from '../../../core/errors.ts'
import type { Fault } from '../../../core/model.ts'
import { FOLDER_PATTERN, type NginxPaths, runFolder } from '../paths.ts'

/** Who we are to the installation. */
export interface Owner {
  /** Of the state folder: two applications never have the same. */
  readonly id: string
  readonly stateDir: string
}

/** The owner that a state folder is. */
export function ownerOf(stateDir: string): Owner {
  const wanted = resolve(stateDir)
  mkdirSync(wanted, { recursive: true, mode: 0o700 })
  const folder = realpathSync(wanted)
  return { id: createHash('sha256').update(folder).digest('hex').slice(0, 16), stateDir: folder }
}

/** Who may enter the private folder; before that is known it stays as it is. */
export interface Workers {
  readonly group: number | undefined
  readonly isKept: boolean
}

/** Our file in the folder of theirs. */
export function includePath(dir: string, { id }: Owner): string {
  return join(dir, `plimsoll-${id.slice(0, 8)}.conf`)
}

/**
 * The paths; folders that are missing are made. What NGINX follows with each request lies below
 * /var/lib, where a reboot leaves it: static members are then served before any controller runs.
 * Of all that NGINX needs only certificates to start: `pairs` is empty where there is no folder
 * for them that lasts and can be written in a configuration.
 * @throws Error when no private folder can be had
 */
export function attachPaths(owner: Owner, dir: string, workers: Workers): NginxPaths {
  const bases = ['/var/lib', join(owner.stateDir, 'nginx-attach'), '/var/tmp', tmpdir()]
  const prefix = join(owner.stateDir, 'nginx-attach')
  mkdirSync(prefix, { recursive: true, mode: 0o700 })
  const run = runFolder(prefix, { bases, ...workers })
  return {
    prefix,
    pairs: [run, prefix].find((folder) => isLasting(folder, prefix)) ?? '',
    run,
    config: includePath(dir, owner),
    errorLog: join(prefix, 'error.log'),
    identity: join(prefix, 'process.json'),
    state: join(prefix, 'state.json'),
    lock: join(prefix, 'lock'),
  }
}

function isLasting(folder: string, prefix: string): boolean {
  return folder.startsWith('/var/lib/') || (folder === prefix && FOLDER_PATTERN.test(prefix))
}

/** Why nothing can be written to the folder of theirs; undefined when it can. */
export function folderFault(dir: string): Fault | undefined {
  const hint = 'name the folder that its http block includes, such as /etc/nginx/conf.d'
  try {
    if (!statSync(dir).isDirectory()) return fault('E_ATTACH', `${dir} is no folder: ${hint}`)
  } catch (error) {
    return fault('E_ATTACH', `${dir} can't be looked at (${(error as Error).message}): ${hint}`)
  }
  try {
    accessSync(dir, constants.W_OK | constants.X_OK)
    return undefined
  } catch {
    // Its owner alone can change that.
    const how = 'run as root, or let this user write there and reload that NGINX'
    return fault('E_ATTACH', `no permission to write to ${dir}: ${how}`)
  }
}

/** How our file begins: by this it is known again. */
export function header({ id, stateDir }: Owner): string {
  const folder = stateDir.replace(/[^\x20-\x7e]/g, '?')
  return `# plimsoll ${id}
# Written by Plimsoll for the application whose state folder is ${folder}
# Changes are overwritten. To undo by hand: delete this file, then \`nginx -t\`, then reload NGINX.
`
}

/** Our file as it is; undefined where there is none. Fault: a stranger's has its name. */
export function readInclude(path: string, { id }: Owner): string | undefined | Fault {
  try {
    const text = readFileSync(path, 'utf8')
    if (text.startsWith(`# plimsoll ${id}\n`)) return text
    const what = 'is not ours, although it has our name: move it away'
    return fault('E_ATTACH', `${path} ${what}`)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    return fault('E_ATTACH', `${path} can't be read: ${(error as Error).message}`)
  }
}

/** Puts our file in place at once and whole, or takes it away. */
export function writeInclude(path: string, text: string | undefined): Fault | undefined {
  // Hidden: `include *` must not find it half written.
  const temporary = join(dirname(path), `.${basename(path)}.new`)
  try {
    rmSync(temporary, { force: true })
    if (text === undefined) rmSync(path, { force: true })
    else {
      writeFileSync(temporary, text, { mode: 0o600, flag: 'wx' })
      renameSync(temporary, path)
    }
    return undefined
  } catch (error) {
    rmSync(temporary, { force: true })
    const how = 'free the disk, or give this user the right to write there'
    return fault('E_ATTACH', `${path} can't be written (${(error as Error).message}): ${how}`, true)
  }
}
