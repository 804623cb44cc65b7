// Active health checks of one instance, over connections of their own.
import { request } from 'node:http'
import { connect } from 'node:net'
import type { CheckFailure } from '../../../core/health/model.ts'
import type { Place } from './upstream-agent.ts'

const HTTP_INTERVAL_MS = 500
const TCP_INTERVAL_MS = 1_000
const TIMEOUT_MS = 1_000
/** Failures in a row after which an instance is unhealthy. */
const FAILURES = 2

/** Where to look; without a path, accepting a connection is enough. */
export interface Checked {
  readonly at: Place
  readonly path?: string
}

/** What a check found; `failure` says how it failed, and is absent where it passed. */
export interface Verdict {
  readonly reason: string
  readonly failure?: CheckFailure
}

/**
 * Checks an instance until `stop`. `report` is called after every pass and after the second failure
 * in a row. A check starts half a second (a second for TCP) after the last one
 * started.
 */
export class HealthCheck {
  readonly #checked: Checked
  readonly #report: (verdict: Verdict) => void
  #timer: NodeJS.Timeout | undefined
  #failures = 0
  #stopped = false

  constructor(checked: Checked, report: (verdict: Verdict) => void) {
    this.#checked = checked
    this.#report = report
    this.#schedule(this.#intervalMs())
  }

  /** Checks no more; a check under way is not reported. */
  stop(): void {
    this.#stopped = true
    clearTimeout(this.#timer)
  }

  #intervalMs(): number {
    return this.#checked.path === undefined ? TCP_INTERVAL_MS : HTTP_INTERVAL_MS
  }

  #schedule(delayMs: number): void {
    this.#timer = setTimeout(() => {
      const startedAtMs = performance.now()
      const check = this.#checked.path === undefined ? checkTcp : checkHttp
      check(this.#checked, (verdict) => {
        if (this.#stopped) return
        this.#note(verdict)
        this.#schedule(Math.max(0, this.#intervalMs() - (performance.now() - startedAtMs)))
      })
    }, delayMs)
  }

  #note(verdict: Verdict): void {
    const passed = verdict.failure === undefined
    this.#failures = passed ? 0 : this.#failures + 1
    if (passed || this.#failures >= FAILURES) this.#report(verdict)
  }
}

function checkHttp(checked: Checked, done: (verdict: Verdict) => void): void {
  const what = `GET ${checked.path}`
  let over = false
  const finish = (verdict: Verdict) => {
    if (over) return
    over = true
    clearTimeout(timer)
    probe.destroy()
    done(verdict)
  }
  const probe = request({
    ...('path' in checked.at ? { socketPath: checked.at.path } : checked.at),
    path: checked.path,
    agent: false,
    headers: { 'User-Agent': 'plimsoll-health' },
  })
  const timer = setTimeout(
    () =>
      finish({
        failure: 'silent',
        reason: `${what} was not answered within ${TIMEOUT_MS / 1000} s`,
      }),
    TIMEOUT_MS,
  )
  probe.on('response', (response) => {
    const status = response.statusCode ?? 0
    const reason = `${what} answered ${status}`
    finish(status >= 200 && status < 400 ? { reason } : { failure: 'answered', reason })
  })
  probe.on('error', (error) => finish(broken(error, what)))
  probe.end()
}

function checkTcp(checked: Checked, done: (verdict: Verdict) => void): void {
  let over = false
  const finish = (verdict: Verdict) => {
    if (over) return
    over = true
    socket.destroy()
    done(verdict)
  }
  const socket = connect({ ...checked.at, timeout: TIMEOUT_MS })
  socket.on('connect', () => finish({ reason: 'it accepts connections' }))
  socket.on('timeout', () =>
    finish({
      failure: 'silent',
      reason: `no connection was accepted within ${TIMEOUT_MS / 1000} s`,
    }),
  )
  socket.on('error', (error) => finish(broken(error, 'connecting')))
}

function broken(error: NodeJS.ErrnoException, what: string): Verdict {
  const failure = error.code === 'ECONNREFUSED' ? 'refused' : 'silent'
  return { failure, reason: `${what} failed: ${error.message}` }
}
