// What `npm run check` consists of, fast to slow.
import { join } from 'node:path'
import { ROOT } from './command.ts'
import { programStep, runSteps, type Step } from './steps.ts'
import { runSuites, testFiles } from './suites.ts'
import { sum, type Tally } from './tally.ts'

const bin = (name: string) => join(ROOT, 'node_modules', '.bin', name)
const own = (script: string, ...args: string[]) => [
  process.execPath,
  join('tools', script),
  ...args,
]

const TSCONFIGS = ['tsconfig.json', 'src/core/tsconfig.json']
const CODE_FOLDERS = ['src', 'tools', 'tests', 'bench', 'examples', 'bin']

const STATIC_STEPS: readonly Step[] = [
  programStep('format and lint', [bin('biome'), 'check', '--error-on-warnings']),
  programStep('promises', [bin('oxlint'), '--type-aware', '--format=unix', ...CODE_FOLDERS]),
  ...TSCONFIGS.map((file) => programStep(`types of ${file}`, [bin('tsc'), '-p', file])),
  programStep('tidy', own('tidy.ts')),
  programStep('reference is up to date', own('docs.ts', '--check')),
]

/** Every test file but the integration suites, so that none is run by nobody. */
const unitTests = () =>
  testFiles(['{src,tools,bench,examples,tests}/**/*.test.ts']).filter(
    (file) => !file.startsWith(join('tests', 'integration')),
  )

const unitStep: Step = {
  name: 'unit tests',
  run: () => runSuites(unitTests(), { limitMs: 300_000, concurrency: 2 }),
}

/** Runs every step; a step counts as one, unit tests each count. */
export async function runChecks(): Promise<Tally> {
  const checked = await runSteps(STATIC_STEPS, 2)
  return sum([checked, await runSteps([unitStep], 1)])
}
