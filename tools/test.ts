// `npm test`: what is missing is installed where that can be, then the check, then the integration
// suites one by one, then the closing line alone.
import { runChecks } from './check-steps.ts'
import { installMissing } from './packages.ts'
import { runSteps, type Step } from './steps.ts'
import { runSuites, testFiles } from './suites.ts'
import { closingLine, isGood, sum } from './tally.ts'

const LIMIT_MS = 10 * 60_000

const suites = testFiles(['tests/integration/**/*.test.ts']).map(
  (file): Step => ({
    name: file,
    run: () => runSuites([file], { limitMs: LIMIT_MS, concurrency: 1 }),
  }),
)

await installMissing()
const checked = await runChecks()
// Two cores: suites that start real processes would disturb each other.
const tally = sum([checked, await runSteps(suites, 1)])
process.stdout.write(`${closingLine(tally)}\n`)
process.exitCode = isGood(tally, process.env.CI === 'true') ? 0 : 1
