// How much a request costs behind NGINX as Plimsoll writes it, and behind the built-in balancer,
// beside a configuration tuned by hand for exactly the instances that run.
import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Application, startApplications } from './balancer/applications.ts'
import { hasWrk, type Measured, saturate } from './balancer/load.ts'
import {
  type BalancerSide,
  builtinSide,
  handTunedSide,
  nginxSide,
  type SideOptions,
} from './balancer/sides.ts'
import { type BenchDocument, type BenchOptions, type Row, ratioOf } from './report.ts'
import { median } from './statistics.ts'

const ROUNDS = 12
const SECONDS = 3
const INSTANCES = 4

const SIDES = {
  hand: (o) => handTunedSide(o, 'hand', 'same'),
  'hand-again': (o) => handTunedSide(o, 'hand-again', 'same'),
  'hand-logs-off': (o) => handTunedSide(o, 'hand-logs-off', 'off'),
  nginx: (o) => nginxSide(o, 'sockets'),
  'nginx-ports': (o) => nginxSide(o, 'ports'),
  builtin: builtinSide,
} as const satisfies Record<string, (options: SideOptions) => Promise<BalancerSide>>

type SideName = keyof typeof SIDES

/** Row, ours, theirs. */
const PAIRS: readonly (readonly [string, SideName, SideName])[] = [
  ['nginx', 'nginx', 'hand'],
  ['nginx, instances on ports', 'nginx-ports', 'hand'],
  ['nginx, rival without logs', 'nginx', 'hand-logs-off'],
  ['builtin', 'builtin', 'hand'],
  ['noise: hand-tuned beside itself', 'hand-again', 'hand'],
]

const NAMES = Object.keys(SIDES) as SideName[]

/** Saturates each side in turn, in interleaved rounds. */
export async function balancer({ share, progress }: BenchOptions): Promise<BenchDocument> {
  if (!(await hasWrk())) throw new Error('wrk is needed (Debian, Ubuntu: apt-get install wrk)')
  const folder = mkdtempSync(join(tmpdir(), 'plimsoll-bench-'))
  // Workers of another user come through it.
  chmodSync(folder, 0o755)
  const rounds = Math.max(1, Math.round(ROUNDS * share))
  let applications: readonly Application[] = []
  const sides = new Map<SideName, BalancerSide>()
  try {
    applications = await startApplications(folder, INSTANCES)
    for (const name of NAMES) sides.set(name, await SIDES[name]({ folder, applications }))
    const laps: Map<SideName, Measured>[] = []
    for (let round = 0; round < rounds; round += 1) {
      laps.push(await lap(sides, applications, round))
      progress(`round ${round + 1} of ${rounds}`)
    }
    return documentOf(laps, share)
  } finally {
    for (const side of sides.values()) await side.stop()
    for (const { child } of applications) child.kill('SIGKILL')
    rmSync(folder, { recursive: true, force: true })
  }
}

// Another one begins in each round, and every other round goes backwards.
async function lap(
  sides: ReadonlyMap<SideName, BalancerSide>,
  applications: readonly Application[],
  round: number,
): Promise<Map<SideName, Measured>> {
  const first = round % NAMES.length
  const turned = [...NAMES.slice(first), ...NAMES.slice(0, first)]
  const measured = new Map<SideName, Measured>()
  for (const name of round % 2 === 0 ? turned : turned.toReversed()) {
    const side = sides.get(name)
    if (side === undefined) throw new Error(`${name} was not started`)
    const pids = [...side.pids, ...applications.map(({ pid }) => pid)]
    measured.set(name, await saturate(side.url, SECONDS, pids))
  }
  return measured
}

function documentOf(laps: readonly Map<SideName, Measured>[], share: number): BenchDocument {
  const rows = PAIRS.flatMap((pair) => [row(laps, pair, 'perSecond'), row(laps, pair, 'cpuMicros')])
  const notes = [
    'wrk, 32 connections, no think time, 4 instances of Node; everything on the same cores',
    'CPU is that of the balancer, the instances, and of whoever watches them, per request',
    'nginx reaches instances on Unix sockets, which the preload gives Node applications; on ports ' +
      'it has room for 4 more than there are',
    ...(share < 1 ? [`a trial: ${laps.length} rounds instead of ${ROUNDS}`] : []),
  ]
  return { bench: 'balancer', rounds: laps.length, rows, notes }
}

function row(
  laps: readonly Map<SideName, Measured>[],
  [name, ours, theirs]: (typeof PAIRS)[number],
  what: keyof Measured,
): Row {
  const pairs = laps.map((lap) => ({
    ours: lap.get(ours)?.[what] ?? Number.NaN,
    theirs: lap.get(theirs)?.[what] ?? Number.NaN,
  }))
  const isRate = what === 'perSecond'
  return {
    name: isRate ? name : `${name}, CPU`,
    rival: theirs,
    ours: median(pairs.map((pair) => pair.ours)),
    theirs: median(pairs.map((pair) => pair.theirs)),
    unit: isRate ? 'requests/s' : 'µs of CPU per request',
    better: isRate ? 'higher' : 'lower',
    ratio: ratioOf(pairs),
  }
}
