// NGINX's access log as it arrives over syslog on loopback: lossy by design, so only good for
// ratios.
import { createSocket, type Socket } from 'node:dgram'
import { SHARE } from '../written/lines.ts'

const BUFFER_BYTES = 4_000_000

/** How a request ended for the client. */
export type Ending = 'ok' | 'client' | 'server' | 'badGateway' | 'shed'

/** One line. */
export interface Logged {
  readonly group: string
  /** Absent where the client left before an answer. */
  readonly ending: Ending | undefined
  readonly status: number
  readonly seconds: number
  /** Whether it is one of the sample by which ratios go. */
  readonly isSampled: boolean
  /** How many requests beyond the sample it stands for; 0 for one of the sample. */
  readonly share: number
  /** How many targets were tried. */
  readonly tries: number
  /** Which ones, in order, and whether each broke off, was not to be reached, or kept silent. */
  readonly tried: readonly { readonly address: string; readonly failed: boolean }[]
  /** Whether a target broke off or was not to be reached. */
  readonly failed: boolean
}

/** Receives lines until it is closed. */
export class AccessLog {
  readonly #socket: Socket
  readonly #token: string
  readonly #onLine: (line: Logged) => void
  #isOpen = false
  /** Whether it could be opened, once that is known. */
  readonly opened: Promise<boolean>

  constructor(
    log: { readonly port: number; readonly token: string },
    onLine: (line: Logged) => void,
  ) {
    this.#token = log.token
    this.#onLine = onLine
    this.#socket = createSocket({ type: 'udp4', recvBufferSize: BUFFER_BYTES })
    this.#socket.unref()
    this.#socket.on('message', (message) => this.#take(message.toString('latin1')))
    // Another controller that looks on has the port; readings from the log are missing then.
    this.#socket.on('error', () => {
      this.#isOpen = false
    })
    const opened = Promise.withResolvers<boolean>()
    this.opened = opened.promise
    this.#socket.once('error', () => opened.resolve(false))
    this.#socket.bind({ port: log.port, address: '127.0.0.1', exclusive: true }, () => {
      this.#isOpen = true
      opened.resolve(true)
    })
  }

  /** Whether lines can arrive at all. */
  get isOpen(): boolean {
    return this.#isOpen
  }

  close(): void {
    this.#isOpen = false
    this.#socket.close()
  }

  #take(message: string): void {
    const at = message.indexOf(`${this.#token}|`)
    if (at < 0) return
    const line = parseLine(message.slice(at))
    if (line) this.#onLine(line)
  }
}

/** Reads a line of the format in the written configuration; undefined when it is another one. */
export function parseLine(line: string): Logged | undefined {
  const fields = line.split('|')
  const [, group, status, seconds, upstreamStatus = '', headerTime = '', address = ''] = fields
  const [flag, mark = ''] = fields.slice(7)
  if (fields.length !== 9 || !group || !/^\d{3}$/.test(status ?? '')) return undefined
  const tried = list(address)
  const isFailed = flag === '1' || (list(upstreamStatus).length > 0 && headerTime.endsWith('-'))
  // Where none could be chosen, the upstream is named instead.
  const addresses = tried.filter((one) => one.includes(':'))
  const tries = addresses.length
  // The next is tried only where the one before failed; who left did not wait for the last.
  const isLastFailed = isFailed && status !== '499'
  return {
    group,
    ending: endingOf(Number(status), { isFailed, isTried: tries > 0 }),
    status: Number(status),
    seconds: Number(seconds),
    isSampled: mark.includes('a'),
    share: mark === 'b' ? SHARE : 0,
    tries,
    tried: addresses.map((one, i) => ({
      address: one,
      failed: i < tries - 1 || isLastFailed,
    })),
    failed: isFailed || tried.length > 1,
  }
}

function endingOf(
  status: number,
  { isFailed, isTried }: { readonly isFailed: boolean; readonly isTried: boolean },
): Ending | undefined {
  if (status === 499) return undefined
  if (status < 500) return status >= 400 ? 'client' : 'ok'
  if (status === 503 && !isTried) return 'shed'
  return isFailed ? 'badGateway' : 'server'
}

// Tries on one list are separated by commas, lists of an internal redirect by colons.
function list(field: string): readonly string[] {
  return field === '' || field === '-' ? [] : field.split(/, | : /)
}
