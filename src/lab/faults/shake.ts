// A second's bad luck: what goes wrong in a fault run, by a seeded generator. Each run has its own
// kinds of trouble, so that many are seen alone and some together.
import type { Command } from '../../core/model.ts'
import type { Random } from '../../core/ports.ts'
import { CALM, DEATHS, type FaultProcess, type Weather } from './process.ts'
import { type FaultWorld, GROUP } from './world.ts'

/** What a shake may touch. */
export interface Shaken {
  readonly world: FaultWorld
  readonly weather: Weather
  readonly process: FaultProcess
  readonly random: Random
  /** Counts that something happened. */
  readonly mark: (name: string) => void
  readonly command: (command: Command) => void
}

type Trouble = (shaken: Shaken, chance: (share: number) => boolean) => void

const BROKEN = { check: 'answered', reason: 'GET /healthz answered 503' } as const
const SILENT = { check: 'silent', reason: 'no answer' } as const
const REFUSED = { check: 'refused', reason: 'nobody listens' } as const

/** Every kind of trouble by its name. */
export const TROUBLES: Readonly<Record<string, Trouble>> = {
  'metric outage': ({ world, mark }, chance) => {
    if (chance(0.04)) world.balancer.down = true
    if (chance(0.05)) world.hostCpu = world.hostCpu === undefined ? 30 : undefined
    if (world.balancer.down) mark('balancer down')
    if (world.hostCpu === undefined) mark('host unknown')
  },
  NaN: ({ world, mark }, chance) => {
    if (!chance(0.08)) return
    world.balancer.garbled = !world.balancer.garbled
    mark('NaN')
  },
  'late readings': ({ weather, random, mark }, chance) => {
    if (chance(0.15)) weather.providerLateMs = late(random, mark)
    if (chance(0.15)) weather.balancerLateMs = late(random, mark)
  },
  'duplicate readings': ({ weather, mark }, chance) => {
    if (chance(0.1)) weather.repeats = weather.repeats > 0 ? 0 : 0.5
    if (weather.repeats > 0) mark('duplicate readings')
  },
  throttling: ({ weather, random, mark }, chance) => {
    if (chance(0.1)) weather.throttled = weather.throttled > 0 ? 0 : random()
    if (chance(0.05)) weather.refused = weather.refused > 0 ? 0 : random()
    if (weather.throttled > 0) mark('throttled')
  },
  'partial success': ({ weather, random, mark }, chance) => {
    if (chance(0.1)) weather.misreported = weather.misreported > 0 ? 0 : random()
    if (chance(0.06)) weather.slowMs = [0, 0, 3_000, 12_000][Math.floor(random() * 4)] ?? 0
    if (weather.misreported > 0) mark('misreported')
    if (weather.slowMs > 0) mark('slow actions')
  },
  unreachable: ({ world, mark }, chance) => {
    if (!chance(0.08)) return
    world.provider.unreachable = !world.provider.unreachable
    mark('provider unreachable')
  },
  'lost instances': ({ world, random, mark }, chance) => {
    const id = pick(world, random)
    if (id !== undefined && chance(0.08)) world.provider.crash(id)
    else if (id !== undefined && chance(0.03)) world.provider.lose(id)
    else return
    mark('lost instances')
  },
  births: ({ world, mark }, chance) => {
    if (chance(0.04)) world.provider.stillborn = !world.provider.stillborn
    if (chance(0.04)) world.provider.stalls = !world.provider.stalls
    if (world.provider.stalls || world.provider.stillborn) mark('bad births')
  },
  sickness: ({ world, random, mark }, chance) => {
    const { balancer } = world
    const id = pick(world, random)
    if (id !== undefined && chance(0.04)) balancer.hung.add(id)
    if (id !== undefined && chance(0.03)) balancer.breaking.set(id, random())
    if (chance(0.03)) balancer.failing = [undefined, BROKEN, SILENT, REFUSED][pickOf(4, random)]
    if (chance(0.04)) balancer.patienceMs = chance(0.5) ? 1_000 : Number.POSITIVE_INFINITY
    mark('sick instances')
  },
  errors: ({ world, random, mark }, chance) => {
    if (!chance(0.1)) return
    world.balancer.errorsShare = chance(0.6) ? random() : 0
    mark('errors')
  },
  'full host': ({ world, mark }, chance) => {
    if (!chance(0.1)) return
    world.hostCpu = world.hostCpu === 99 ? 20 : 99
    world.provider.cpuPercent = world.hostCpu === 99 ? 70 : 30
    mark('full host')
  },
  'full resource': ({ world, mark }, chance) => {
    if (!chance(0.08)) return
    world.saturation = [0.95, undefined, 0.3][chance(0.5) ? 0 : chance(0.3) ? 1 : 2]
    mark('full resource')
  },
  'busy CPU': ({ world, random, mark }, chance) => {
    if (!chance(0.1)) return
    world.provider.cpuPercent = random() * 120
    mark('busy CPU')
  },
  'clock steps': ({ world, random, mark }, chance) => {
    if (!chance(0.04)) return
    const isBack = chance(0.5)
    world.clock.step((isBack ? -1 : 1) * random() * 40_000)
    mark(isBack ? 'clock back' : 'clock ahead')
  },
  'broken store': ({ world, mark }, chance) => {
    if (!chance(0.06)) return
    world.store.broken = !world.store.broken
    mark('store broken')
  },
  restarts: ({ process, random, mark }, chance) => {
    if (!chance(0.05) || process.death !== undefined) return
    const death = DEATHS[pickOf(DEATHS.length, random)] ?? DEATHS[0]
    process.death = death
    mark(`death ${death}`)
  },
  people: ({ world, random, command, mark }, chance) => {
    if (!chance(0.06)) return
    const untilMs = world.clock.now() + random() * 20_000
    const base = { id: `c${world.clock.now()}`, group: GROUP, by: 'sim' }
    const instances = 2 + pickOf(6, random)
    const wishes: readonly Command[] = [
      { ...base, kind: 'hold', untilMs },
      { ...base, kind: 'restart' },
      { ...base, kind: 'scale', instances, untilMs },
    ]
    const wish = wishes[pickOf(3, random)]
    if (wish === undefined) return
    mark(`command ${wish.kind}`)
    command(wish)
  },
}

/** Another load now and then; a run without that would have little to decide. */
export function changeLoad({ world, random }: Shaken): void {
  if (random() >= 0.1) return
  const rps = random() < 0.5 ? 100 : random() * 1_500
  world.balancer.load.set(GROUP, { rps, serviceMs: 100, slots: 10 })
}

/** Chooses the kinds of trouble of a run: mostly a few, sometimes all. */
export function chooseTroubles(random: Random): readonly Trouble[] {
  const share = [0.1, 0.25, 0.5, 1][pickOf(4, random)] ?? 1
  return Object.values(TROUBLES).filter(() => random() < share)
}

/** Ends every trouble. */
export function heal(world: FaultWorld, weather: Weather): void {
  const { provider, balancer, store } = world
  Object.assign(weather, CALM)
  Object.assign(provider, { unreachable: false, stillborn: false, stalls: false, cpuPercent: 30 })
  Object.assign(balancer, { garbled: false, failing: undefined, errorsShare: 0 })
  balancer.patienceMs = Number.POSITIVE_INFINITY
  balancer.hung.clear()
  balancer.breaking.clear()
  store.broken = false
  world.hostCpu = 20
  world.saturation = 0.3
}

function late(random: Random, mark: Shaken['mark']): number {
  mark('late readings')
  return [0, 0, 800, 3_000][pickOf(4, random)] ?? 0
}

function pick(world: FaultWorld, random: Random): string | undefined {
  const ids = world.provider.all().map((i) => i.id)
  return ids[pickOf(ids.length, random)]
}

function pickOf(count: number, random: Random): number {
  return Math.floor(random() * count)
}
