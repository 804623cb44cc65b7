// The catalogue of errors that a user can meet: code, HTTP status and what to do about it. Nothing
// else words a remedy.
import type { Fault } from './model.ts'

interface Entry {
  /** HTTP status. */
  readonly status: number
  readonly remedy: string
}

/** Every user-facing error. The reference page is generated from this. */
export const ERRORS = {
  E_FILE_MISSING: { status: 400, remedy: 'Run `plimsoll init`, or name the file with --file.' },
  E_FILE_INVALID: {
    status: 400,
    remedy: 'Correct the lines named above, then run `plimsoll check`.',
  },
  E_USAGE: { status: 400, remedy: 'See `plimsoll --help`.' },
  E_BODY_INVALID: {
    status: 400,
    remedy: 'Send a JSON body as described in /api/scalability/openapi.json.',
  },
  E_BODY_TOO_LARGE: { status: 413, remedy: 'Send at most 64 KiB.' },
  E_CONTENT_TYPE: { status: 415, remedy: 'Send `Content-Type: application/json`.' },
  E_HOST_REFUSED: {
    status: 421,
    remedy: 'Call the API by the host name or address it listens on.',
  },
  E_KEY_MISSING: {
    status: 401,
    remedy:
      'Send `Authorization: Bearer KEY` with the key from SERVICE_API_KEY or the state folder.',
  },
  E_KEY_WRONG: {
    status: 401,
    remedy: 'Check SERVICE_API_KEY, or read the key from the state folder.',
  },
  E_NOT_FOUND: { status: 404, remedy: 'See /api/scalability/openapi.json for what there is.' },
  E_GROUP_UNKNOWN: { status: 404, remedy: 'Use a name from `plimsoll status`.' },
  E_INSTANCE_UNKNOWN: { status: 404, remedy: 'Use a name from `plimsoll status`.' },
  E_TICK_UNKNOWN: {
    status: 404,
    remedy: 'Use a number from `plimsoll explain --last 20`; old ticks are cut.',
  },
  E_OUT_OF_BOUNDS: {
    status: 422,
    remedy: 'Stay within min_instances and max_instances, or change them in the file.',
  },
  E_BUDGET: {
    status: 422,
    remedy: 'Raise the connection budget, or lower connections per instance.',
  },
  E_KEY_REUSED: { status: 409, remedy: 'Use a new Idempotency-Key for a different request.' },
  E_BUSY: { status: 503, remedy: 'Try again in a moment.' },
  E_STATE_IN_USE: {
    status: 409,
    remedy: 'One controller runs here already: use `plimsoll status`, or another --state folder.',
  },
  E_NOT_RUNNING: { status: 503, remedy: 'Start it with `plimsoll up`.' },
  E_PORT_IN_USE: { status: 409, remedy: 'Choose another port in the file, or stop what holds it.' },
  E_NO_PORT: {
    status: 503,
    remedy: 'Free ports below the ephemeral range, or lower max_instances.',
  },
  E_SOCKET: {
    status: 503,
    remedy: 'Make /run or the temporary folder writable, or use {port} in run.command.',
  },
  E_COMMAND_NOT_FOUND: { status: 422, remedy: 'Check run.command, run.cwd and the PATH.' },
  E_USER_UNKNOWN: { status: 422, remedy: 'Check run.user; switching users needs root.' },
  E_ENV_MISSING: {
    status: 422,
    remedy: 'Set the variable in the environment of `plimsoll up`, or in env_file.',
  },
  E_ENV_FILE: { status: 422, remedy: 'Check that run.env_file exists and can be read.' },
  E_NOT_READY: {
    status: 503,
    remedy: 'Read `plimsoll logs`; raise run.start_timeout if it is only slow.',
  },
  E_IDENTITY: {
    status: 409,
    remedy: 'The process is not the one that was started; look at it by hand.',
  },
  E_BALANCER: { status: 503, remedy: 'Read balancer.log in the state folder.' },
  E_BALANCER_MISSING: {
    status: 503,
    remedy:
      'Install NGINX (Debian, Ubuntu: `apt-get install nginx-light`), or let the file say `via: [nginx, builtin]`.',
  },
  E_VIA_CHANGED: {
    status: 409,
    remedy:
      'Run `plimsoll down`, then `plimsoll up`: balancers are not exchanged while they serve.',
  },
  E_TLS: {
    status: 422,
    remedy:
      'Check that http.tls.certificate and http.tls.key are PEM files that can be read and belong together.',
  },
  E_ATTACH: {
    status: 503,
    remedy: 'Do what the message says, check with `nginx -t`, then try again.',
  },
  E_METRICS: {
    status: 503,
    remedy:
      'Check metrics.prometheus in the file (or --url), and that it can be reached from here.',
  },
  E_STORE: { status: 503, remedy: 'Free disk space, or check the rights of the state folder.' },
  E_HISTORY_EMPTY: {
    status: 404,
    remedy: 'Name the state folder of an application that ran, or a longer --since.',
  },
  E_TIMEOUT: { status: 504, remedy: 'Look at `plimsoll status`; the machine may be overloaded.' },
  E_TRAFFIC_FILE: { status: 400, remedy: 'Name a file of traffic that exists and can be read.' },
  E_TRAFFIC_EMPTY: {
    status: 422,
    remedy: 'Give a CSV `t_seconds,rps`, or an access log in the common or combined format.',
  },
  E_TRAFFIC_INVALID: {
    status: 422,
    remedy: 'Correct the line named above; rates are requests per second, from 0 on.',
  },
  E_TRAFFIC_SHORT: {
    status: 422,
    remedy: 'Give traffic that lasts longer than a boot, or a shorter --boot.',
  },
  E_SLO_IMPOSSIBLE: {
    status: 422,
    remedy: 'Raise --slo above the time that one request takes to serve, or lower --service.',
  },
  E_NODE_VERSION: { status: 500, remedy: 'Install Node 22.18 or newer.' },
  E_INTERNAL: { status: 500, remedy: 'Please report it with the lines above.' },
} as const satisfies Record<string, Entry>

/** A code from the catalogue. */
export type ErrorCode = keyof typeof ERRORS

/** Makes a fault as a value. */
export function fault(code: ErrorCode, message: string, retryable = false): Fault {
  return { code, message, retryable }
}

/** A fault that travels by throwing, from a verb to the door that prints it. */
export class PlimsollError extends Error {
  readonly code: ErrorCode
  constructor(code: ErrorCode, message: string, options?: { cause?: unknown }) {
    super(message, options)
    this.name = 'PlimsollError'
    this.code = code
  }
}

/** The remedy for a code; unknown codes get the one for internal errors. */
export function remedy(code: string): string {
  return code in ERRORS ? ERRORS[code as ErrorCode].remedy : ERRORS.E_INTERNAL.remedy
}

/** The error as every door shows it. */
export function errorBody(
  code: string,
  message: string,
): { error: { code: string; message: string; remedy: string } } {
  return { error: { code, message, remedy: remedy(code) } }
}
