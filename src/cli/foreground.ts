// `up` in the foreground: the controller in this process, what it does as lines, and the signals.
import { type Application, compose } from '../compose.ts'
import { diffSpecs } from '../config/differences.ts'
import type { Config } from '../config/parse.ts'
import type { Checked } from '../core/commands.ts'
import { PlimsollError } from '../core/errors.ts'
import { headline, words } from '../core/explain.ts'
import type { Spec, Tick } from '../core/model.ts'
import { isRetired } from '../engine/controller.ts'
import type { Difference } from '../engine/service.ts'
import { storable } from '../engine/stored-spec.ts'
import { balancerLines } from './balancer.ts'
import { describeError } from './failure.ts'
import type { Output } from './output.ts'
import { loadConfig } from './place.ts'
import type { UpSource } from './source.ts'
import { DONE } from './verb.ts'
import { VERSION } from './version.ts'

/** A terminal and a wrapper may both pass on one Ctrl-C; a second one is meant from here on. */
const SECOND_MS = 500

/** Runs until Ctrl-C, SIGTERM or `plimsoll down`. */
export async function runForeground(
  source: UpSource,
  stateDir: string,
  output: Output,
): Promise<number> {
  const ended = Promise.withResolvers<'stop' | 'close'>()
  const signals = listen(ended.resolve)
  const app = await compose({
    spec: source.config.spec,
    stateDir,
    version: VERSION,
    file: source.file,
    api: source.config.api,
    anyApiPort: source.file === null,
    readFile: () => reread(source, () => app.service.state.spec),
  })
  announceChanges(app, source.config.spec, output)
  app.service.onTick((tick) => printTick(tick, output))
  app.service.onTick(noticesOf(app, output))
  const asked = app.shutdownAsked.then(() => 'stop' as const)
  const over = Promise.race([ended.promise, asked])
  // What never becomes ready must be stoppable all the same.
  await Promise.race([started(app), over])
  announce(app, output)
  const how = await over
  await (how === 'stop' ? stop(app, signals.again, output) : app.close())
  signals.remove()
  return DONE
}

async function stop(app: Application, again: Promise<void>, output: Output): Promise<void> {
  output.say('draining; Ctrl-C again stops at once')
  const stopped = app.stop()
  const hurried = await Promise.race([stopped.then(() => false), again.then(() => true)])
  if (hurried) await app.kill()
}

function listen(end: (how: 'stop' | 'close') => void): {
  again: Promise<void>
  remove: () => void
} {
  const again = Promise.withResolvers<void>()
  let first: number | undefined
  const interrupt = () => {
    const now = performance.now()
    if (first === undefined) {
      first = now
      end('stop')
    } else if (now - first > SECOND_MS) again.resolve()
  }
  const terminate = () => end('close')
  process.on('SIGINT', interrupt)
  process.on('SIGTERM', terminate)
  return {
    again: again.promise,
    remove: () => {
      process.off('SIGINT', interrupt)
      process.off('SIGTERM', terminate)
    },
  }
}

/** Resolves once every group serves as many as it should. */
export function started(app: Application): Promise<void> {
  return new Promise((resolve) => {
    const stop = app.service.onTick(() => {
      if (app.service.status().groups.some((g) => g.ready < g.desired)) return
      stop()
      resolve()
    })
  })
}

// What changed since the last time, where something ran here before.
function announceChanges(app: Application, spec: Spec, output: Output): void {
  const { earlier, interrupted } = app.service.state
  if (interrupted !== undefined) {
    output.say(`the last controller ended in tick ${interrupted}; what it had begun goes on`)
  }
  if (earlier === undefined) return
  for (const { path, from, to } of diffSpecs(inFile(earlier), storable(spec))) {
    output.say(`${path}: ${from} → ${to}`)
  }
}

function announce(app: Application, output: Output): void {
  const status = app.service.status()
  output.document({
    app: status.app,
    api: app.url,
    pid: process.pid,
    adopted: status.adopted,
    balancer: status.balancer,
    groups: status.groups,
  })
  for (const g of status.groups) {
    const spec = app.service.state.spec.groups.find(({ name }) => name === g.group)
    const scheme = spec?.http?.tls === undefined ? 'http' : 'https'
    const where =
      g.listen === null ? '' : ` on ${scheme}://${g.listen.replace('0.0.0.0', '127.0.0.1')}`
    output.say(`${g.group} is up${where}: ${g.ready} of ${g.desired} ready`)
  }
  for (const line of balancerLines(status.balancer, app.service.state.spec)) output.say(line)
  if (status.adopted > 0) output.say(`${status.adopted} running instances were adopted`)
  output.say(`API on ${app.url}; Ctrl-C drains and stops`)
}

function printTick(tick: Tick, output: Output): void {
  const time = new Date(tick.observation.atMs).toISOString().slice(11, 19)
  for (const decision of tick.decisions) {
    if (decision.from !== decision.to) output.say(`${time} ${headline(decision)}`)
  }
  for (const outcome of tick.outcomes ?? []) {
    const failure = outcome.kind === 'failed' ? ` FAILED: ${outcome.fault.message}` : ''
    if (outcome.kind !== 'skipped') output.say(`${time}   ${words(outcome.action)}${failure}`)
  }
}

// Each notice of the balancer when it comes up, and again only after it was gone.
function noticesOf(app: Application, output: Output): () => void {
  let told: readonly string[] = []
  return () => {
    const notices = app.service.status().balancer?.notices ?? []
    for (const notice of notices) if (!told.includes(notice)) output.say(notice)
    told = notices
  }
}

// The same source read again, and how it differs from what runs.
function reread(
  source: UpSource,
  running: () => Spec,
): Checked<{ readonly spec: Spec; readonly differences: readonly Difference[] }> {
  try {
    const config = source.file === null ? source.config : loadConfig({ file: source.file }).config
    const changes = diffSpecs(inFile(running()), config.spec)
    const differences = [...changes, ...apiDifference(source, config)]
    return { ok: true, value: { spec: config.spec, differences } }
  } catch (error) {
    if (!(error instanceof PlimsollError)) throw error
    return { ok: false, fault: { ...describeError(error), retryable: false } }
  }
}

// Groups that only wait for their end are not in the file any more.
function inFile(spec: Spec): Spec {
  return { ...spec, groups: spec.groups.filter((g) => !isRetired(g)) }
}

function apiDifference(source: UpSource, { api }: Config): readonly Difference[] {
  const [from, to] = [source.config.api, api].map(({ host, port }) => `${host}:${port}`)
  if (from === undefined || to === undefined || from === to) return []
  return [{ path: 'api.listen', from, to: `${to} (once the controller is started again)` }]
}
