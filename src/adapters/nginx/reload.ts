// Puts a configuration in force: tested before, proven after, and taken back when the proof fails.
import { readFileSync, rmSync } from 'node:fs'
import { fault } from '../../core/errors.ts'
import type { Fault } from '../../core/model.ts'
import type { Cancel, Clock } from '../../core/ports.ts'
import { testConfig } from './binary.ts'
import type { Control } from './control.ts'
import { clientsLeft, type Leaving } from './leaving.ts'
import type { NginxPaths } from './paths.ts'
import { findProcesses, isLeaving, type NginxIdentity, signal } from './process.ts'
import { writeWhole } from './state.ts'
import { generationOf } from './written/config.ts'

/** How long the new workers may take to serve, in milliseconds. */
const PROOF_MS = 4_000
const POLL_MS = 10
/** So many answers in a row must come from the new configuration. */
const ANSWERS = 3
const LOG_TAIL = 4_000
/** How long after the proof old workers are still waited for. */
const SETTLE_MS = 100

/** What a configuration is put in force with. */
export interface Reloading {
  readonly nginx: string
  readonly paths: NginxPaths
  readonly control: Control
  readonly clock: Clock
  readonly cancel: Cancel
}

/** Writes a configuration that NGINX has accepted. Fault: E_BALANCER, and nothing was written. */
export async function writeConfig(
  { nginx, paths }: Reloading,
  text: string,
): Promise<Fault | undefined> {
  const candidate = `${paths.config}.candidate`
  writeWhole(candidate, text)
  const wrong = await testConfig(nginx, paths.prefix, candidate)
  rmSync(candidate, { force: true })
  if (wrong !== undefined) return fault('E_BALANCER', `NGINX refuses its configuration: ${wrong}`)
  writeWhole(paths.config, text)
  return undefined
}

/** Reloads, and resolves once all new connections meet the new workers, else takes it back. */
export async function reload(
  reloading: Reloading,
  master: NginxIdentity,
  next: { readonly text: string; readonly generation: number },
  leaving: Leaving,
): Promise<Fault | undefined> {
  const { paths } = reloading
  const before = readFileSync(paths.config, 'utf8')
  const old = findProcesses(paths.prefix).workers
  const refused = await writeConfig(reloading, next.text)
  if (refused) return refused
  const serving = generationOf(before)
  if (serving !== undefined) await clientsLeft(reloading, leaving, serving)
  if (reloading.cancel.aborted) {
    writeWhole(paths.config, before)
    return fault('E_TIMEOUT', 'there was no time left for a reload', true)
  }
  if (!signal(master, 'SIGHUP')) return fault('E_BALANCER', 'NGINX ended', true)
  if (await proven(reloading, next.generation, old)) {
    // Old workers may have taken connections whose requests are only coming.
    await reloading.clock.sleep(SETTLE_MS, reloading.cancel)
    return undefined
  }
  writeWhole(paths.config, before)
  signal(master, 'SIGHUP')
  const why = lastTrouble(paths.errorLog)
  return fault(
    'E_BALANCER',
    `NGINX did not take its configuration, which was taken back: ${why}`,
    true,
  )
}

/** Whether, in time, only workers with this configuration take connections. */
export async function proven(
  { control, clock, cancel }: Pick<Reloading, 'control' | 'clock' | 'cancel'>,
  generation: number,
  old: readonly NginxIdentity[],
): Promise<boolean> {
  const endAtMs = clock.monotonic() + PROOF_MS
  let inRow = 0
  while (clock.monotonic() < endAtMs && !cancel.aborted) {
    const answer = await control.generation(cancel)
    inRow = answer?.generation === generation ? inRow + 1 : 0
    if (inRow >= ANSWERS && old.every(({ pid }) => isLeaving(pid))) return true
    if (inRow === 0 || inRow >= ANSWERS) await clock.sleep(POLL_MS, cancel)
  }
  return false
}

/** The last thing that NGINX complained of. */
export function lastTrouble(path: string): string {
  try {
    const lines = readFileSync(path, 'utf8').slice(-LOG_TAIL).trimEnd().split('\n')
    return lines.findLast((line) => /\[(emerg|alert|crit)\]/.test(line)) ?? lines.at(-1) ?? ''
  } catch {
    // No log, nothing to quote.
    return ''
  }
}
