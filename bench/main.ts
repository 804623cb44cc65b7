// `npm run bench -- NAME [--json]`: runs one benchmark against its rivals and prints the result.
import { parseArgs } from 'node:util'
import { balancer } from './balancer.ts'
import { lab } from './lab.ts'
import { policy } from './policy.ts'
import { type BenchDocument, type BenchOptions, renderTable } from './report.ts'
import { scaleEvents } from './scale-events.ts'
import { tick } from './tick.ts'

interface Bench {
  readonly about: string
  readonly run: (options: BenchOptions) => Promise<BenchDocument>
}

/** Every benchmark by name. */
const BENCHES: Readonly<Record<string, Bench>> = {
  'scale-events': {
    about: 'requests lost over 200 scale-outs, scale-ins and rolling restarts, beside PM2',
    run: scaleEvents,
  },
  balancer: {
    about: 'what a request costs behind NGINX and the built-in balancer, beside hand-tuned NGINX',
    run: balancer,
  },
  policy: {
    about: 'violations and instance-hours on recorded traffic (--traces DIR), beside autoscalers',
    run: policy,
  },
  lab: {
    about: 'how fast the lab replays traffic, and the core decides',
    run: lab,
  },
  tick: {
    about: 'how long one turn of the whole loop takes for 100, 1,000 and 10,000 groups',
    run: tick,
  },
}

const USAGE = [
  'usage: npm run bench -- NAME [--json] [--seed N] [--share 0.1] [--only SIDE] [--traces DIR]',
  ...Object.entries(BENCHES).map(([name, { about }]) => `  ${name}  ${about}`),
].join('\n')

async function main(args: readonly string[]): Promise<number> {
  const parsed = parse(args)
  if (typeof parsed === 'string') {
    console.error(`${parsed}\n${USAGE}`)
    return 2
  }
  const document = await parsed.bench.run(parsed.options)
  console.log(parsed.json ? JSON.stringify(document, null, 2) : renderTable(document))
  return 0
}

/** What to run, or what is wrong with the arguments. */
function parse(
  args: readonly string[],
): string | { bench: Bench; json: boolean; options: BenchOptions } {
  const text = { type: 'string' } as const
  let read: ReturnType<typeof parseArgs>
  try {
    read = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: { json: { type: 'boolean' }, seed: text, share: text, only: text, traces: text },
    })
  } catch (error) {
    // An unknown option or a missing value: the message says which.
    return error instanceof Error ? error.message : String(error)
  }
  const { values, positionals } = read
  const [name = ''] = positionals
  const bench = Object.hasOwn(BENCHES, name) ? BENCHES[name] : undefined
  if (bench === undefined || positionals.length > 1) {
    return name === '' ? 'name a benchmark' : `no benchmark is called ${positionals.join(' ')}`
  }
  const seed = Number(values.seed ?? 1)
  const share = Number(values.share ?? 1)
  if (!Number.isInteger(seed)) return `--seed is a whole number, not ${values.seed}`
  if (!(share > 0 && share <= 1)) return `--share is above 0 and at most 1, not ${values.share}`
  const only = typeof values.only === 'string' ? values.only : undefined
  const traces = typeof values.traces === 'string' ? values.traces : undefined
  const progress = (line: string): void => console.error(line)
  return { bench, json: values.json === true, options: { seed, share, only, traces, progress } }
}

process.exitCode = await main(process.argv.slice(2))
