// The house rules as a program: node tools/tidy.ts prints each breach and exits 1 when there is
// one.
import { ROOT } from './command.ts'
import { objectionLine, objectionsTo } from './tidy/rules.ts'
import { readProject } from './tidy/source.ts'

const objections = objectionsTo(readProject(ROOT))
for (const objection of objections) process.stdout.write(`${objectionLine(objection)}\n`)
process.exitCode = objections.length > 0 ? 1 : 0
