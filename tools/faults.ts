// `npm run faults -- [--seeds N] [--seed N] [--mutant NAME] [--json]`: fault runs on two threads. A
// failing seed is printed with the command that plays it alone.
import { parseArgs } from 'node:util'
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'
import { MemoryWorld } from '../src/adapters/memory/world.ts'
import { Marks } from '../src/lab/faults/marks.ts'
import { MUTANTS } from '../src/lab/faults/mutants.ts'
import { type Played, play } from '../src/lab/faults/play.ts'

const SEEDS = 1_000
const THREADS = 2
/** Fewer seeds than these need not have seen everything. */
const ENOUGH_SEEDS = 300
/** Failing seeds that are printed. */
const MOST_SHOWN = 20
const TOLD_EVERY = 500

interface Job {
  readonly from: number
  readonly to: number
  /** Every so many seeds from the first on. */
  readonly every: number
  readonly mutant?: string
}

async function work({ from, to, every, mutant }: Job, tell: (p: Played) => void): Promise<void> {
  const planted = MUTANTS.find((m) => m.name === mutant)
  for (let seed = from; seed < to; seed += every) {
    tell(await play(seed, () => new MemoryWorld(), planted))
  }
}

interface Asked {
  readonly from: number
  readonly to: number
  readonly json: boolean
  readonly mutant?: string
}

async function main(args: readonly string[]): Promise<number> {
  const asked = parse(args)
  if (typeof asked === 'string') {
    console.error(
      `${asked}\nusage: npm run faults -- [--seeds N] [--seed N] [--mutant NAME] [--json]`,
    )
    return 2
  }
  const marks = new Marks()
  const failed: Played[] = []
  let done = 0
  const total = asked.to - asked.from
  const startMs = performance.now()
  await playAll(asked, (played) => {
    marks.add(played.marks)
    if (played.violation !== undefined) failed.push(played)
    done += 1
    if (done % TOLD_EVERY === 0) console.error(`${done} of ${total}, ${failed.length} failed`)
  })
  const missing = total < ENOUGH_SEEDS || asked.mutant !== undefined ? [] : marks.missing()
  const seconds = Math.round((performance.now() - startMs) / 100) / 10
  if (asked.json) {
    const failures = failed.map(({ seed, violation }) => ({ seed, violation }))
    const document = {
      seeds: total,
      seconds,
      failures,
      missing,
      marks: Object.fromEntries(marks.entries()),
    }
    console.log(JSON.stringify(document, null, 2))
  } else {
    for (const [name, count] of marks.entries())
      console.log(`${String(count).padStart(9)}  ${name}`)
    for (const { seed, violation } of failed
      .toSorted((a, b) => a.seed - b.seed)
      .slice(0, MOST_SHOWN)) {
      console.log(`seed ${seed}: ${violation}\n  ${again(seed, asked.mutant)}`)
    }
    for (const name of missing) console.log(`never seen: ${name}`)
    console.log(`${total} seeds, ${failed.length} failed, ${seconds} s`)
  }
  return failed.length > 0 || missing.length > 0 ? 1 : 0
}

function again(seed: number, mutant: string | undefined): string {
  const planted = mutant === undefined ? '' : ` --mutant '${mutant}'`
  return `npm run faults -- --seed ${seed}${planted}`
}

async function playAll(asked: Asked, tell: (played: Played) => void): Promise<void> {
  const { from, to, mutant } = asked
  const planted = mutant === undefined ? {} : { mutant }
  if (to - from === 1) return work({ from, to, every: 1, ...planted }, tell)
  const threads = Array.from({ length: THREADS }, (_, i) => {
    const job: Job = { from: from + i, to, every: THREADS, ...planted }
    return new Promise<void>((resolve, reject) => {
      const worker = new Worker(new URL(import.meta.url), { workerData: job })
      worker.on('message', tell)
      worker.on('error', reject)
      worker.on('exit', (code) => {
        if (code === 0) resolve()
        else reject(new Error(`a thread ended with ${code}`))
      })
    })
  })
  await Promise.all(threads)
}

function parse(args: readonly string[]): Asked | string {
  const text = { type: 'string' } as const
  let values: { seeds?: string; seed?: string; mutant?: string; json?: boolean }
  try {
    const options = { seeds: text, seed: text, mutant: text, json: { type: 'boolean' } } as const
    values = parseArgs({ args: [...args], options }).values
  } catch (error) {
    // An unknown option or a missing value: the message says which.
    return error instanceof Error ? error.message : String(error)
  }
  const { seeds = String(SEEDS), seed, mutant, json = false } = values
  if (mutant !== undefined && !MUTANTS.some((m) => m.name === mutant)) {
    return `--mutant is one of:\n${MUTANTS.map((m) => `  ${m.name}`).join('\n')}`
  }
  const planted = mutant === undefined ? {} : { mutant }
  for (const number of [seeds, seed ?? '0']) {
    if (!/^\d{1,9}$/.test(number)) return `a whole number is expected, not ${number}`
  }
  if (seed !== undefined) return { from: Number(seed), to: Number(seed) + 1, json, ...planted }
  return { from: 0, to: Number(seeds), json, ...planted }
}

if (isMainThread) process.exitCode = await main(process.argv.slice(2))
else await work(workerData as Job, (played) => parentPort?.postMessage(played))
