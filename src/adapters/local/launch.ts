// Starting one instance: argument list, environment, user, its own session, its log. Nothing else
// starts processes.
import { type ChildProcess, spawn } from 'node:child_process'
import { fault } from '../../core/errors.ts'
import type { Fault, GroupSpec } from '../../core/model.ts'
import { type Account, accountOf, environmentFor } from './environment.ts'
import { NONCE_VARIABLE } from './identity.ts'
import type { InstanceRecord } from './records.ts'
import { prepareSocket } from './sockets.ts'
import { GENERATION_VARIABLE } from './strays.ts'

/** A process that runs, or why none does. */
export type Launched =
  | {
      readonly ok: true
      readonly child: ChildProcess
      readonly pid: number
      /** Whom it will run as; it takes a moment until it does. */
      readonly uid: number
    }
  | { readonly ok: false; readonly fault: Fault }

/**
 * Starts the process of a record, detached, with `log` as its output. Resolves once it runs or
 * failed to.
 */
export async function launch(
  group: GroupSpec,
  record: InstanceRecord,
  log: number,
): Promise<Launched> {
  const { run } = group
  const account = run.user === undefined ? undefined : accountOf(run.user)
  if (account !== undefined && !account.ok) return account
  const base = { ...process.env, ...(account && identityVariables(account.value)) }
  const environment = environmentFor(run, contract(group, record), base)
  if (!environment.ok) return environment
  const noSocket = prepareSocket(record.socket, account?.value)
  const isNeeded = run.command.some((argument) => argument.includes('{socket}'))
  if (noSocket !== undefined && isNeeded) return { ok: false, fault: noSocket }
  const argv = run.command.map((argument) =>
    argument
      .replaceAll('{port}', String(record.port))
      .replaceAll('{socket}', record.socket ?? '{socket}'),
  )
  const command = run.shell ? ['/bin/sh', '-c', argv.join(' ')] : argv
  const [file = '', ...rest] = [...switching(account?.value), ...command]
  const child = spawn(file, rest, {
    cwd: run.cwd,
    env: environment.value,
    detached: true,
    stdio: ['ignore', log, log],
  })
  // The instance must not keep the controller alive, nor end with it.
  child.unref()
  return settled(child, group, account?.value.uid ?? process.geteuid?.() ?? 0)
}

// setpriv (util-linux) replaces itself by the command, and gives it the user's other groups too,
// which spawning as a user does not.
function switching(account: Account | undefined): readonly string[] {
  if (account === undefined || account.uid === process.geteuid?.()) return []
  const { uid, gid } = account
  return ['setpriv', `--reuid=${uid}`, `--regid=${gid}`, '--init-groups', '--']
}

function identityVariables({ name, home }: Account): Readonly<Record<string, string>> {
  return { HOME: home, USER: name, LOGNAME: name }
}

// What every instance can rely on.
function contract(group: GroupSpec, record: InstanceRecord): Readonly<Record<string, string>> {
  return {
    PORT: String(record.port),
    HOST: record.host,
    ...(record.socket === undefined ? {} : { PLIMSOLL_SOCKET: record.socket }),
    PLIMSOLL_GROUP: record.group,
    PLIMSOLL_INSTANCE: record.id,
    PLIMSOLL_STOP_TIMEOUT_MS: String(group.run.stopTimeoutMs),
    [NONCE_VARIABLE]: record.nonce,
    [GENERATION_VARIABLE]: record.generation,
  }
}

function settled(child: ChildProcess, group: GroupSpec, uid: number): Promise<Launched> {
  return new Promise((resolve) => {
    child.once('spawn', () => resolve({ ok: true, child, pid: child.pid ?? 0, uid }))
    child.once('error', (error: NodeJS.ErrnoException) => {
      resolve({ ok: false, fault: launchFault(error, group) })
    })
  })
}

function launchFault(error: NodeJS.ErrnoException, group: GroupSpec): Fault {
  const command = group.run.command[0] ?? ''
  if (error.code === 'ENOENT') {
    return fault('E_COMMAND_NOT_FOUND', `${command} was not found (in ${group.run.cwd})`)
  }
  return fault('E_COMMAND_NOT_FOUND', `${command} can't be started: ${error.message}`, true)
}
