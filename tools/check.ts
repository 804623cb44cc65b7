// `npm run check`: everything that says in under two minutes whether the tree is sound.
import { runChecks } from './check-steps.ts'
import { closingLine, isGood } from './tally.ts'

const tally = await runChecks()
process.stdout.write(`${closingLine(tally)}\n`)
process.exitCode = isGood(tally, process.env.CI === 'true') ? 0 : 1
