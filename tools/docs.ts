// Writes docs/reference from schema and code. With --check it writes nothing and exits 1 on a
// difference.
import { join } from 'node:path'
import { ROOT } from './command.ts'
import { drift, writePages } from './docs/drift.ts'
import { PAGES } from './docs/pages.ts'

const folder = join(ROOT, 'docs', 'reference')

if (process.argv.includes('--check')) {
  const differences = await drift(folder, PAGES)
  for (const line of differences) process.stdout.write(`docs/reference/${line}: npm run docs\n`)
  process.exitCode = differences.length > 0 ? 1 : 0
} else {
  await writePages(folder, PAGES)
}
