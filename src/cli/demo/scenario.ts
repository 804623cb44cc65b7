// What a demo run plays: the load, the file and the shop's settings, all from a seed. Pure.
import type { Mode } from '../../core/model.ts'
import type { Random } from '../../core/ports.ts'
import type { Segment } from '../../lab/load/arrivals.ts'
import type { Spike } from '../../lab/load/summary.ts'

/** What can be played: a spike that scaling answers, and one that hits a database too small. */
export const SCENARIOS = ['spike', 'shared-limit'] as const
/** The name of one of SCENARIOS. */
export type ScenarioName = (typeof SCENARIOS)[number]

/** What can carry the requests. */
export const BALANCERS = ['builtin', 'nginx'] as const
/** The name of one of BALANCERS. */
export type DemoBalancer = (typeof BALANCERS)[number]

/** What the user chose for the run. */
export interface DemoChoice {
  readonly balancer: DemoBalancer
  readonly scenario: ScenarioName
  readonly mode: Mode
  /** How long an instance takes to start, in milliseconds. */
  readonly bootMs: number
}

/** A choice with everything that the seed decided. */
export interface Scenario extends DemoChoice {
  readonly profile: readonly Segment[]
  readonly spike: Spike
  readonly database: { readonly maxConnections: number; readonly workers: number | undefined }
}

/** Requests that one instance serves at once; beyond that they queue. */
export const POOL = 24
/** In flight per instance that the file asks for. */
const IN_FLIGHT = 16
/** The built-in balancer lets requests wait; behind NGINX they wait in the instance, bounded. */
const MAX_IN_FLIGHT = { builtin: POOL, nginx: 300 } as const
const CALM_RPS = 100
const MOST_INSTANCES = 8
const LEAST_INSTANCES = 2
/** The p99 that counts as met, in milliseconds. */
export const SLO_P99_MS = 300

/** The run for a choice: the spike's time and height move with `random`. */
export function createScenario(choice: DemoChoice, random: Random): Scenario {
  const before = 12 + Math.floor(random() * 6)
  const factor = 6 + random() * 0.5
  const during = 32 + Math.ceil(choice.bootMs / 1_000)
  const after = 26
  const limited = choice.scenario === 'shared-limit'
  return {
    ...choice,
    profile: [
      { seconds: before, rps: CALM_RPS },
      { seconds: during, rps: Math.round(CALM_RPS * factor) },
      { seconds: after, rps: CALM_RPS },
    ],
    spike: { startS: before, endS: before + during },
    database: limited
      ? { maxConnections: 4 * POOL, workers: 40 }
      : { maxConnections: MOST_INSTANCES * POOL + POOL, workers: undefined },
  }
}

/** Where the run found room: absolute paths, and free ports on 127.0.0.1. */
export interface Places {
  readonly shopDir: string
  readonly node: string
  readonly listenPort: number
  readonly apiPort: number
  readonly databasePort: number
}

/** The plimsoll.yaml of the run, as a user would write it. JSON strings are YAML strings too. */
export function scenarioFile(scenario: Scenario, places: Places): string {
  const { maxConnections } = scenario.database
  const env = [
    `SHOP_DATABASE: "127.0.0.1:${places.databasePort}"`,
    `SHOP_POOL: "${POOL}"`,
    `SHOP_BOOT_MS: "${scenario.bootMs}"`,
  ]
  return `app: shop
groups:
  web:
    mode: ${scenario.mode}
    run:
      command: [${JSON.stringify(places.node)}, server.js]
      cwd: ${JSON.stringify(places.shopDir)}
      env: { ${env.join(', ')} }
      stop_timeout: 10s
    http:
      listen: 127.0.0.1:${places.listenPort}
      health: /healthz
      balance: least_connections
      via: ${scenario.balancer}
      max_in_flight: ${MAX_IN_FLIGHT[scenario.balancer]}
      queue_timeout: 4s
    slo: { p99: ${SLO_P99_MS}ms }
    scaling:
      min_instances: ${LEAST_INSTANCES}
      max_instances: ${MOST_INSTANCES}
      settle: 8s
      cooldown: 3s
    signals: [{ in_flight: ${IN_FLIGHT} }]
    needs: [database]
resources:
  database: { connections: { total: ${maxConnections}, per_instance: ${POOL} } }
api: { listen: 127.0.0.1:${places.apiPort} }
`
}
