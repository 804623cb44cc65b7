// A reporter for node --test: one JSON document with the counts of each file and every failure.
import type { TestEvent } from 'node:test/reporters'

/** What happened in one test file. */
export interface FileReport {
  readonly file: string
  readonly passed: number
  readonly failed: number
  readonly skipped: number
}

/**
 * What a run of node --test reported. A file that crashed or held no test has no entry in `files`.
 */
export interface RunReport {
  readonly files: readonly FileReport[]
  /** One text per failed test: its name, place and error. */
  readonly failures: readonly string[]
}

/** Yields the report as JSON when all tests have ended. */
export default async function* report(source: AsyncIterable<TestEvent>): AsyncGenerator<string> {
  const files: FileReport[] = []
  const failures: string[] = []
  for await (const event of source) {
    if (event.type === 'test:summary') {
      const { file, counts, success } = event.data
      if (file === undefined || counts.tests === 0) continue
      const failed = counts.tests - counts.passed - counts.skipped - counts.todo
      files.push({
        file,
        passed: counts.passed,
        // A file can fail though each of its tests passed: an error after the last one.
        failed: success ? failed : Math.max(1, failed),
        skipped: counts.skipped + counts.todo,
      })
    }
    if (event.type === 'test:fail') failures.push(...failureText(event.data))
  }
  const done: RunReport = { files, failures }
  yield JSON.stringify(done)
}

function failureText(data: Extract<TestEvent, { type: 'test:fail' }>['data']): readonly string[] {
  const error = data.details.error as Error & { failureType?: string; cause?: unknown }
  if (error.failureType === 'subtestsFailed') return []
  const cause = error.cause instanceof Error ? error.cause.stack : String(error.cause ?? error)
  return [`✖ ${data.name} (${data.file ?? ''}:${data.line ?? 0})\n${cause ?? ''}`]
}
