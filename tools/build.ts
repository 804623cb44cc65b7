// Makes dist, what is published: JavaScript and declarations of src, without tests. What is
// JavaScript already, like the preload, is published from src.
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { ROOT, runCommand } from './command.ts'

const dist = join(ROOT, 'dist')

rmSync(dist, { recursive: true, force: true })
const tsc = join(ROOT, 'node_modules', '.bin', 'tsc')
const built = await runCommand([tsc, '-p', 'tsconfig.build.json'], { limitMs: 120_000 })
if (built.code !== 0) {
  // npm pack prints what it packs on standard output; this must not stand in it.
  process.stderr.write(built.output)
  process.exitCode = 1
}
