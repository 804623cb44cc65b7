// `plimsoll up`: start, adopt, or apply a changed file.
import { existsSync } from 'node:fs'
import type { Command } from 'commander'
import { monitorWarnings } from '../../compose.ts'
import { PlimsollError } from '../../core/errors.ts'
import type { ReloadResult } from '../../engine/service.ts'
import { balancerLines, expectedBalancer } from '../balancer.ts'
import { call, isRunning, readControllerFile } from '../client.ts'
import { runDetached } from '../detach.ts'
import { runForeground } from '../foreground.ts'
import type { Output } from '../output.ts'
import { stateDirOf } from '../place.ts'
import { sourceOf, type UpOptions, type UpSource } from '../source.ts'
import { DONE, run, withDryRun, withPlace } from '../verb.ts'

/**
 * Adds `up`: starts a controller, or has the running one read its file again. Reports
 * E_STATE_IN_USE where that one runs something else, and what is wrong with the file.
 */
export function addUp(program: Command): void {
  const command = program
    .command('up')
    .description('start the application, or apply what changed in the file')
    .argument('[command...]', 'without a file: -- node server.js')
    .option('--detach', 'return when ready')
    .option('--listen <address>', 'with a command: where to listen (default 127.0.0.1:8080)')
  withDryRun(withPlace(command)).action((words: string[], options: UpOptions) =>
    run(options, async (output) => {
      const source = sourceOf(words, options)
      const stateDir = stateDirOf(options)
      if (await isRunning(stateDir)) return again(stateDir, source, options, output)
      // A monitor that is away keeps nobody from starting.
      for (const warning of await monitorWarnings(source.config.spec)) {
        output.note(`warning: ${warning}`)
      }
      if (options.dryRun === true) return wouldStart(source, output)
      if (options.detach === true) return runDetached(source, stateDir, options, output)
      return runForeground(source, stateDir, output)
    }),
  )
}

// A second `up` is how a changed file is applied.
async function again(
  stateDir: string,
  source: UpSource,
  options: UpOptions,
  output: Output,
): Promise<number> {
  const running = readControllerFile(stateDir)
  if (source.file === null || running?.file !== source.file) {
    const what = running?.file ?? 'a command'
    throw new PlimsollError('E_STATE_IN_USE', `the controller of ${stateDir} runs ${what}`)
  }
  const body = options.dryRun === true ? { dry_run: true } : {}
  const result = await call<ReloadResult>(stateDir, 'POST', '/reload', body)
  output.document(result)
  if (result.differences.length === 0) output.say('it runs already, and the file has not changed')
  for (const { path, from, to } of result.differences) output.say(`${path}: ${from} → ${to}`)
  if (result.differences.length > 0)
    output.say(result.applied ? 'applied' : 'not applied (--dry-run)')
  return DONE
}

function wouldStart(source: UpSource, output: Output): number {
  const groups = source.config.spec.groups.map((g) => ({
    group: g.name,
    instances: g.scaling.minInstances,
    command: g.run.command,
    listen: g.http === undefined ? null : `${g.http.listen.host}:${g.http.listen.port}`,
  }))
  const balancer = expectedBalancer(source.config.spec)
  output.document({ dry_run: true, groups, balancer })
  for (const g of groups) {
    const where = g.listen === null ? '' : ` on ${g.listen}`
    output.say(`would start ${g.group}: ${g.instances} × ${g.command.join(' ')}${where}`)
  }
  for (const line of balancerLines(balancer, source.config.spec)) output.say(line)
  const cwd = source.config.spec.groups.find((g) => !existsSync(g.run.cwd))
  if (cwd !== undefined) output.note(`warning: ${cwd.run.cwd} does not exist`)
  return DONE
}
