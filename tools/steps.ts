// Steps of a check: each runs, says in one line how it went, and shows its output only when it
// failed.
import { runCommand } from './command.ts'
import { sum, type Tally } from './tally.ts'

/** One step. `run` gives its tally and what to read when something failed. */
export interface Step {
  readonly name: string
  run(): Promise<{ readonly tally: Tally; readonly details: string }>
}

const PASSED: Tally = { passed: 1, failed: 0, skipped: 0 }
const FAILED: Tally = { passed: 0, failed: 1, skipped: 0 }

/** A step that passes when a program exits with 0. */
export function programStep(name: string, argv: readonly string[], limitMs = 120_000): Step {
  return {
    name,
    run: async () => {
      const ended = await runCommand(argv, { limitMs })
      const limit = ended.isTimedOut ? `ended after ${limitMs / 1000} s\n` : ''
      return { tally: ended.code === 0 ? PASSED : FAILED, details: `${limit}${ended.output}` }
    },
  }
}

/** Runs steps, at most `width` at once, and prints one line for each as it ends. */
export async function runSteps(steps: readonly Step[], width: number): Promise<Tally> {
  const left = [...steps]
  const tallies: Tally[] = []
  const worker = async () => {
    for (let step = left.shift(); step !== undefined; step = left.shift())
      tallies.push(await runStep(step))
  }
  await Promise.all(Array.from({ length: width }, worker))
  return sum(tallies)
}

async function runStep(step: Step): Promise<Tally> {
  const startedMs = performance.now()
  const { tally, details } = await step.run()
  const seconds = ((performance.now() - startedMs) / 1000).toFixed(1)
  const verdict = tally.failed > 0 ? 'FAILED' : tally.skipped > 0 ? 'skips ' : 'ok    '
  process.stdout.write(`${verdict} ${step.name.padEnd(44)} ${countsOf(tally)}${seconds} s\n`)
  if (tally.failed > 0) process.stdout.write(`${details.trimEnd()}\n\n`)
  return tally
}

function countsOf({ passed, failed, skipped }: Tally): string {
  if (passed + failed + skipped === 1) return ''
  const parts = [`${passed} passed`]
  if (failed > 0) parts.push(`${failed} failed`)
  if (skipped > 0) parts.push(`${skipped} skipped`)
  return `${parts.join(', ')}, `
}
