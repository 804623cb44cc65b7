// Runs test files with node --test and counts honestly: a file that crashed or held no test has
// failed.
import { globSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { type Ended, ROOT, runCommand } from './command.ts'
import { sum, type Tally } from './tally.ts'
import type { RunReport } from './tally-reporter.ts'

/** A tally, and what there is to read about the failures. */
export interface SuiteResult {
  readonly tally: Tally
  readonly details: string
}

/** Test files by patterns relative to the project's folder, sorted. */
export function testFiles(patterns: readonly string[]): readonly string[] {
  return patterns
    .flatMap((pattern) => globSync(pattern, { cwd: ROOT }))
    .filter((file) => !file.includes('node_modules'))
    .sort()
}

/** Runs the files, each in a process of its own; ends them all after `limitMs`. */
export async function runSuites(
  files: readonly string[],
  options: { readonly limitMs: number; readonly concurrency: number; readonly cwd?: string },
): Promise<SuiteResult> {
  if (files.length === 0)
    return { tally: { passed: 0, failed: 1, skipped: 0 }, details: 'There are no test files.' }
  const folder = mkdtempSync(join(tmpdir(), 'plimsoll-tests-'))
  const reportFile = join(folder, 'report.json')
  const reporter = join(ROOT, 'tools', 'tally-reporter.ts')
  const cwd = options.cwd ?? ROOT
  const flags = [`--test-concurrency=${options.concurrency}`]
  // The first reporter is for people, and is shown only where something failed.
  flags.push('--test-reporter=spec', '--test-reporter-destination=stdout')
  flags.push(`--test-reporter=${reporter}`, `--test-reporter-destination=${reportFile}`)
  try {
    const argv = [process.execPath, '--test', ...flags, ...files]
    const ended = await runCommand(argv, { limitMs: options.limitMs, cwd, env: testEnvironment() })
    return resultOf(
      files.map((file) => join(cwd, file)),
      readReport(reportFile),
      ended,
    )
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** Without what would make a nested node --test report to the outer one. */
function testEnvironment(): NodeJS.ProcessEnv {
  const { NODE_TEST_CONTEXT: _, ...env } = process.env
  return env
}

function readReport(file: string): RunReport {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as RunReport
  } catch {
    // Ended before it could report: every file counts as failed.
    return { files: [], failures: [] }
  }
}

function resultOf(files: readonly string[], report: RunReport, ended: Ended): SuiteResult {
  const silent = files.filter((file) => !report.files.some((entry) => entry.file === file))
  const lost = silent.map((file) => `✖ ${relative(ROOT, file)}: crashed, or ran no test`)
  const counted = sum([...report.files, { passed: 0, failed: silent.length, skipped: 0 }])
  // Whatever went unseen: the runner itself says that something failed.
  const isUnseen = ended.code !== 0 && counted.failed === 0
  const tally = isUnseen ? { ...counted, failed: 1 } : counted
  if (tally.failed === 0) return { tally, details: '' }
  const limit = ended.isTimedOut ? ['✖ ended at its time limit'] : []
  const output = lost.length > 0 || isUnseen ? [ended.output.slice(-8000)] : []
  return { tally, details: [...report.failures, ...lost, ...limit, ...output].join('\n\n') }
}
