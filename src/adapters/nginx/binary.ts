// Finds NGINX on this machine, and the user its workers run as.
import { execFile, spawnSync } from 'node:child_process'
import { accessSync, constants, readFileSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { promisify } from 'node:util'
import { fault } from '../../core/errors.ts'
import type { Fault } from '../../core/model.ts'

const run = promisify(execFile)

/** Users that a distribution made for web servers, the most fitting first. */
const WORKER_USERS = ['nginx', 'www-data', 'nobody']

/** The account of the workers, where the controller is root. */
export interface WorkerAccount {
  readonly user: string
  readonly group: string
  readonly uid: number
  readonly gid: number
}

/** The path of `nginx`, from PATH or where distributions put it. */
export function findNginx(path: string | undefined): string | undefined {
  const folders = [...(path ?? '').split(delimiter), '/usr/sbin', '/usr/local/sbin', '/sbin']
  return folders
    .filter((folder) => folder.startsWith('/'))
    .map((folder) => join(folder, 'nginx'))
    .find(isExecutable)
}

/** The NGINX to use: the one that is named, else the one that is found. */
export function locateNginx(named: string | undefined): string | undefined {
  if (named === undefined) return findNginx(process.env.PATH)
  return isExecutable(named) ? named : undefined
}

/** The version as three numbers; zeros where the program does not say. */
export function nginxVersion(nginx: string): readonly [number, number, number] {
  const { stderr } = spawnSync(nginx, ['-v'], { encoding: 'utf8', timeout: 5_000 })
  const [, major, minor, patch] = /nginx\/(\d+)\.(\d+)\.(\d+)/.exec(stderr ?? '') ?? []
  return [Number(major ?? 0), Number(minor ?? 0), Number(patch ?? 0)]
}

/** Whether a version is at least another one. */
export function isAtLeast(version: readonly number[], least: readonly number[]): boolean {
  const differing = least.findIndex((part, i) => version[i] !== part)
  return differing < 0 || (version[differing] ?? 0) > (least[differing] ?? 0)
}

/** Why there is no NGINX, and how to get it. */
export function nginxMissing(): Fault {
  const message = 'nginx is not installed (Debian, Ubuntu: apt-get install nginx-light)'
  return fault('E_BALANCER_MISSING', message)
}

/** What newer versions have. */
export interface NginxFeatures {
  /** `http2 on;`: before, it was an option of `listen`. */
  readonly hasHttp2Directive: boolean
  /** A worker that leaves gives idle connections time for a request that is on its way. */
  readonly hasKeepaliveMinTimeout: boolean
}

/** The features of a program, asked once; those of an old one where there is none. */
export function featuresOf(program: () => string | undefined): () => NginxFeatures {
  let known: NginxFeatures | undefined
  return () => {
    const nginx = program()
    if (known === undefined && nginx !== undefined) {
      const version = nginxVersion(nginx)
      const has = (least: readonly number[]) => isAtLeast(version, least)
      known = { hasHttp2Directive: has([1, 25, 1]), hasKeepaliveMinTimeout: has([1, 27, 4]) }
    }
    return known ?? { hasHttp2Directive: false, hasKeepaliveMinTimeout: false }
  }
}

/** Undefined where the controller is not root: the workers are then the same user. */
export function workerAccount(): WorkerAccount | undefined {
  if (process.getuid?.() !== 0) return undefined
  const accounts = lines('/etc/passwd')
  for (const user of WORKER_USERS) {
    const [, , uid, gid] = accounts.find((fields) => fields[0] === user) ?? []
    const group = lines('/etc/group').find((fields) => fields[2] === gid)?.[0]
    if (gid !== undefined && group !== undefined)
      return { user, group, uid: Number(uid), gid: Number(gid) }
  }
  return undefined
}

/**
 * Checks a written configuration with `nginx -t`. Returns what is wrong with it, in NGINX's own
 * words.
 */
export async function testConfig(
  nginx: string,
  prefix: string,
  config: string,
): Promise<string | undefined> {
  const argv = ['-p', `${prefix}/`, '-c', config, '-e', 'logs/error.log', '-q', '-t']
  try {
    await run(nginx, argv, { cwd: prefix, timeout: 10_000 })
    return undefined
  } catch (error) {
    const { stderr, message } = error as Error & { readonly stderr?: string }
    const said = (stderr ?? '').split('\n').filter((line) => line !== '')
    return said.find((line) => line.includes('[emerg]')) ?? said[0] ?? message
  }
}

function lines(path: string): readonly (readonly string[])[] {
  try {
    return readFileSync(path, 'utf8')
      .split('\n')
      .map((line) => line.split(':'))
  } catch {
    // A system without the file has no such accounts.
    return []
  }
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    // Not here: the next folder is tried.
    return false
  }
}
