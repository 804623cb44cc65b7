// `plimsoll demo`: a real spike on a real application, watched live.
import { type Command, InvalidArgumentError, Option } from 'commander'
import type { Mode } from '../../core/model.ts'
import { durationMs } from '../../core/words/duration.ts'
import { type LoadResult, runLoad } from '../../lab/load/open.ts'
import { seeded } from '../../lab/random.ts'
import { type Counted, hasPassed, report, reportTable } from '../demo/report.ts'
import {
  BALANCERS,
  createScenario,
  type DemoBalancer,
  SCENARIOS,
  type Scenario,
  type ScenarioName,
} from '../demo/scenario.ts'
import { openStage, type Stage } from '../demo/stage.ts'
import { EXIT } from '../failure.ts'
import type { Output } from '../output.ts'
import { run } from '../verb.ts'

interface DemoOptions {
  readonly json?: boolean
  readonly seed: number
  readonly mode: Mode
  readonly boot: number
  readonly scenario: ScenarioName
  readonly balancer: DemoBalancer
}

const LOOK_MS = 500

/** Adds `demo`, which runs for about a minute in a temporary folder and cleans up after itself. */
export function addDemo(program: Command): void {
  program
    .command('demo')
    .description('a spike on an example shop: scaled out, and back in, without a failed request')
    .option('--json', 'one JSON document on standard output')
    .option('--seed <n>', "moves the spike's time and height", parseSeed, 1)
    .addOption(new Option('--mode <mode>').choices(['enforce', 'observe']).default('enforce'))
    .option('--boot <duration>', 'how long an instance takes to start', parseBoot, 0)
    .addOption(new Option('--scenario <name>').choices([...SCENARIOS]).default('spike'))
    .addOption(
      new Option('--balancer <name>', 'what carries the requests')
        .choices([...BALANCERS])
        .default('builtin'),
    )
    .action((options: DemoOptions) => run(options, (output) => play(options, output)))
}

async function play(options: DemoOptions, output: Output): Promise<number> {
  const { seed, mode, boot: bootMs, scenario: name, balancer } = options
  const scenario = createScenario({ scenario: name, mode, bootMs, balancer }, seeded(seed))
  announce(scenario, output)
  const stage = await openStage(scenario)
  const over = new AbortController()
  const interrupt = () => over.abort()
  process.on('SIGINT', interrupt)
  process.on('SIGTERM', interrupt)
  try {
    const watch = new Watch(stage, output)
    const load = await drive(scenario, seed, stage, { watch, output, signal: over.signal })
    const counted = await watch.end()
    if (over.signal.aborted) return EXIT.failed
    const seen = { instances: counted, balancer: stage.balancer }
    const result = report(scenario, load, await stage.ticks(), seen)
    output.document(result)
    output.say(`\n${reportTable(result)}`)
    const passed = hasPassed(result, bootMs)
    output.say(closing(scenario, passed, load))
    return passed ? EXIT.ok : EXIT.failed
  } finally {
    process.off('SIGINT', interrupt)
    process.off('SIGTERM', interrupt)
    await stage.close()
  }
}

function announce({ profile, mode, balancer }: Scenario, output: Output): void {
  const [calm, spike, after] = profile
  const plan = `${calm?.seconds} s at ${calm?.rps}/s, ${spike?.seconds} s at ${spike?.rps}/s, ${after?.seconds} s at ${after?.rps}/s`
  output.note(`starting the shop behind the balancer ${balancer} (mode ${mode}); load: ${plan}`)
}

interface Driving {
  readonly watch: Watch
  readonly output: Output
  readonly signal: AbortSignal
}

function drive(
  scenario: Scenario,
  seed: number,
  stage: Stage,
  driving: Driving,
): Promise<LoadResult> {
  const { watch, output, signal } = driving
  return runLoad({
    target: stage.url,
    profile: scenario.profile,
    seed,
    signal,
    onSecond: (second) => {
      const p99 = second.p99Ms === null ? '-' : `${Math.round(second.p99Ms)}`
      const cells = [
        `${second.second + 1} s`.padStart(5),
        `${second.rps} req/s`.padStart(10),
        `${second.inFlight} in flight`.padStart(15),
        `p99 ${p99} ms`.padStart(12),
        `${watch.instances} instances`.padStart(13),
        second.failed > 0 ? `${second.failed} FAILED` : '',
      ]
      output.say(cells.join('  ').trimEnd())
    },
  })
}

/** Looks at the group while the load runs: how many instances, and what was decided. */
class Watch {
  readonly #stage: Stage
  readonly #output: Output
  readonly #timer: NodeJS.Timeout
  #start: number | undefined
  #max = 0
  #now = 0
  #said = ''
  #looking = false

  constructor(stage: Stage, output: Output) {
    this.#stage = stage
    this.#output = output
    this.#timer = setInterval(() => {
      this.#look().catch((error: unknown) => output.note(String(error)))
    }, LOOK_MS)
  }

  /** Ready or on the way, for the live view. */
  get instances(): string {
    return `${this.#now}`
  }

  async end(): Promise<Counted> {
    clearInterval(this.#timer)
    const view = await this.#stage.group()
    return { start: this.#start ?? view.ready, max: this.#max, end: view.instances.length }
  }

  async #look(): Promise<void> {
    if (this.#looking) return
    this.#looking = true
    try {
      const view = await this.#stage.group()
      this.#now = view.ready
      this.#start ??= view.ready
      this.#max = Math.max(this.#max, view.ready)
      const moved = view.decision !== null && !view.decision.includes('stays at')
      if (moved && view.decision !== this.#said) this.#output.say(`       ▶ ${view.decision}`)
      if (moved) this.#said = view.decision ?? ''
    } finally {
      this.#looking = false
    }
  }
}

function closing(scenario: Scenario, passed: boolean, load: LoadResult): string {
  const reasons = Object.entries(load.reasons).map(([reason, n]) => `${n} × ${reason}`)
  const why = reasons.length > 0 ? `\nfailures: ${reasons.join(', ')}` : ''
  if (scenario.mode === 'observe')
    return `nothing was changed (mode observe): this is the run without Plimsoll${why}`
  if (scenario.scenario === 'shared-limit')
    return `the database was the limit: more instances would not have helped${why}`
  const verdict = passed ? 'the SLO was held again, and no request failed' : 'THE RUN DID NOT PASS'
  return `${verdict}${why}\nnext: the same without Plimsoll (--mode observe), or your own: plimsoll up -- node server.js`
}

function parseSeed(text: string): number {
  const seed = Number(text)
  if (!Number.isSafeInteger(seed) || seed < 0)
    throw new InvalidArgumentError('expected a whole number')
  return seed
}

function parseBoot(text: string): number {
  const ms = durationMs(text)
  if (!(ms <= 60_000)) throw new InvalidArgumentError('expected a duration up to 60s, such as 15s')
  return ms
}
