// What an instance is given as its environment, and as whom it runs.
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { parseEnv } from 'node:util'
import { fault } from '../../core/errors.ts'
import type { Fault, RunSpec } from '../../core/model.ts'

/** Variables of the controller that are its own business. */
const PRIVATE = ['SERVICE_API_KEY', 'NODE_CHANNEL_FD', 'NODE_UNIQUE_ID']

/** Environment variables by name, with nothing left to resolve in their values. */
export type Environment = Readonly<Record<string, string>>
type Result<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly fault: Fault }

/**
 * The controller's environment without its own secrets, then env_file, then env with `$NAME` read,
 * then the contract's variables. Faults: E_ENV_FILE, E_ENV_MISSING.
 */
export function environmentFor(
  run: RunSpec,
  own: Environment,
  base: NodeJS.ProcessEnv,
): Result<Environment> {
  const inherited = Object.entries(base).filter(([k, v]) => v !== undefined && !PRIVATE.includes(k))
  const fromFile = run.envFile === undefined ? none : readEnvFile(run.envFile)
  if (!fromFile.ok) return fromFile
  const known = { ...Object.fromEntries(inherited), ...fromFile.value } as Record<string, string>
  const declared: Record<string, string> = {}
  for (const [name, value] of Object.entries(run.env)) {
    const reference = /^\$([A-Za-z_][A-Za-z0-9_]*)$/.exec(value)?.[1]
    const found = reference === undefined ? value : known[reference]
    if (found === undefined) {
      return {
        ok: false,
        fault: fault('E_ENV_MISSING', `env.${name} reads ${value}, which is not set`),
      }
    }
    declared[name] = found
  }
  return { ok: true, value: { ...known, ...declared, ...own } }
}

const none: Result<Environment> = { ok: true, value: {} }

function readEnvFile(path: string): Result<Environment> {
  try {
    return { ok: true, value: parseEnv(readFileSync(path, 'utf8')) as Environment }
  } catch (error) {
    const message = `env_file ${path} can't be read: ${(error as Error).message}`
    return { ok: false, fault: fault('E_ENV_FILE', message) }
  }
}

/** Whom a process runs as, and what its environment should say of that. */
export interface Account {
  readonly uid: number
  readonly gid: number
  readonly name: string
  readonly home: string
}

/**
 * A user by name or number, as the system's own `getent` resolves it (passwd(5)). Fault:
 * E_USER_UNKNOWN.
 */
export function accountOf(user: string): Result<Account> {
  try {
    const options = { timeout: 2_000, stdio: 'pipe', encoding: 'utf8' } as const
    const line = execFileSync('getent', ['passwd', '--', user], options)
    const [name = user, , uid, gid, , home = '/'] = line.trim().split(':')
    return { ok: true, value: { uid: Number(uid), gid: Number(gid), name, home } }
  } catch {
    // `getent` exits 2 for an unknown name.
    return { ok: false, fault: fault('E_USER_UNKNOWN', `there is no user ${user}`) }
  }
}
