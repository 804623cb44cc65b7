// Active health checks, from the controller's side: NGINX itself has none. Over connections of
// their own, past NGINX.
import { request } from 'node:http'
import { connect } from 'node:net'
import type { CheckFailure } from '../../../core/health/model.ts'

const INTERVAL_MS = 500
const TIMEOUT_MS = 1_000
/** Silent or wrong answers in a row after which an instance is unhealthy. */
const FAILURES = 2

/** Where to look; without a path, accepting a connection is enough. */
export interface Checked {
  readonly at: { readonly socketPath: string } | { readonly host: string; readonly port: number }
  readonly path?: string
}

/** What is thought of an instance. */
export interface Health {
  readonly healthy: boolean
  readonly sinceMs: number
  readonly reason: string
  /** How the last check failed; absent while healthy. */
  readonly failure?: CheckFailure
}

interface Verdict {
  /** How it failed, if it did; where nobody listens there is no doubt. */
  readonly failure?: CheckFailure
  readonly reason: string
}

/** Checks one instance until `stop`; `changed` is called when it fell ill or got well. */
export class HealthCheck {
  readonly #checked: Checked
  readonly #changed: () => void
  readonly #now: () => number
  #health: Health
  #timer: NodeJS.Timeout | undefined
  #running: Promise<void> | undefined
  #failures = 0
  #stopped = false

  constructor(
    checked: Checked,
    options: { readonly now: () => number; readonly changed: () => void },
  ) {
    this.#checked = checked
    this.#changed = options.changed
    this.#now = options.now
    this.#health = { healthy: true, sinceMs: options.now(), reason: 'not checked yet' }
    this.#schedule()
  }

  get health(): Health {
    return this.#health
  }

  /** Looks at once, or waits for the look that is under way. */
  look(): Promise<void> {
    this.#running ??= this.#once().finally(() => {
      this.#running = undefined
    })
    return this.#running
  }

  stop(): void {
    this.#stopped = true
    clearTimeout(this.#timer)
  }

  #schedule(): void {
    this.#timer = setTimeout(() => {
      void this.look().finally(() => {
        if (!this.#stopped) this.#schedule()
      })
    }, INTERVAL_MS)
    this.#timer.unref()
  }

  async #once(): Promise<void> {
    const verdict = await (this.#checked.path === undefined ? checkTcp : checkHttp)(this.#checked)
    if (this.#stopped) return
    const { failure, reason } = verdict
    const passed = failure === undefined
    this.#failures = passed ? 0 : this.#failures + 1
    const isDoubtful = failure !== 'refused' && this.#failures < FAILURES
    const healthy = passed || (isDoubtful && this.#health.healthy)
    const turned = healthy !== this.#health.healthy
    const sinceMs = turned ? this.#now() : this.#health.sinceMs
    if (passed) this.#health = { healthy, sinceMs, reason }
    else if (!healthy) this.#health = { healthy, sinceMs, reason, failure }
    if (turned) this.#changed()
  }
}

function checkHttp({ at, path = '/' }: Checked): Promise<Verdict> {
  const what = `GET ${path}`
  return new Promise((resolve) => {
    const headers = { 'User-Agent': 'plimsoll-health', Host: 'localhost' }
    const probe = request({ ...at, path, agent: false, headers })
    const settle = (verdict: Verdict) => {
      clearTimeout(timer)
      probe.destroy()
      resolve(verdict)
    }
    const timer = setTimeout(
      () => settle({ failure: 'silent', reason: `${what} was not answered within 1 s` }),
      TIMEOUT_MS,
    )
    probe.on('response', ({ statusCode = 0 }) => {
      const reason = `${what} answered ${statusCode}`
      const isGood = statusCode >= 200 && statusCode < 400
      settle(isGood ? { reason } : { failure: 'answered', reason })
    })
    probe.on('error', (error: NodeJS.ErrnoException) => settle(broken(error, what)))
    probe.end()
  })
}

function checkTcp({ at }: Checked): Promise<Verdict> {
  return new Promise((resolve) => {
    const socket = connect('socketPath' in at ? { path: at.socketPath } : at)
    const settle = (verdict: Verdict) => {
      clearTimeout(timer)
      socket.destroy()
      resolve(verdict)
    }
    const timer = setTimeout(
      () => settle({ failure: 'silent', reason: 'no connection was accepted within 1 s' }),
      TIMEOUT_MS,
    )
    socket.on('connect', () => settle({ reason: 'it accepts connections' }))
    socket.on('error', (error: NodeJS.ErrnoException) => settle(broken(error, 'connecting')))
  })
}

function broken(error: NodeJS.ErrnoException, what: string): Verdict {
  const certain = error.code === 'ECONNREFUSED' || error.code === 'ENOENT'
  const failure = certain ? 'refused' : 'silent'
  return { failure, reason: `${what} failed: ${error.message}` }
}
