// How memory begins, and how commands and readings change it before a decision is made.
import { instancesOf, numberOf } from './context.ts'
import type {
  Command,
  EpochMs,
  GroupMemory,
  GroupObservation,
  GroupSpec,
  Instance,
  Memory,
} from './model.ts'

/** Bounds of what is remembered. */
const WANTS_LIMIT = 1_000
const TRAIL_MS = 10_000
const TRAIL_STEP_MS = 900
const QUIET_MS = 60_000
/** An instance counts as settled when it was ready for longer than this. */
const SETTLED_MS = 5_000
const BACKOFF_FIRST_MS = 1_000
const BACKOFF_MOST_MS = 30_000

/** Nothing is known yet. */
export const EMPTY_MEMORY: Memory = { groups: {}, shutdown: false }

/** A group's first memory: what runs already counts as wanted, within bounds. */
export function freshGroupMemory(group: GroupSpec, seen: GroupObservation): GroupMemory {
  const instances = instancesOf(seen)
  const alive = instances.filter((i) => i.phase === 'starting' || i.phase === 'ready').length
  const { minInstances, maxInstances } = group.scaling
  return {
    desired: Math.min(maxInstances, Math.max(minInstances, alive)),
    nextInstance: 1,
    restarts: restartsOf(instances),
    wants: [],
    failures: { count: 0, lastAtMs: 0, retryAtMs: 0, reason: '' },
    inFlightTrail: [],
  }
}

// Instances that outlived the memory carry their generation; starting at its number avoids a
// needless roll.
function restartsOf(instances: readonly Instance[]): number {
  const numbers = instances.map((i) => Number(i.generation.split('.')[1] ?? 0))
  return Math.max(0, ...numbers.filter(Number.isFinite))
}

/** Which code and settings an instance started now would have. */
export function generationOf(group: GroupSpec, memory: GroupMemory): string {
  return `${group.run.hash}.${memory.restarts}`
}

/** Folds one command in; commands for other groups change nothing. */
export function applyCommand(memory: GroupMemory, group: string, command: Command): GroupMemory {
  if (command.kind === 'shutdown' || command.group !== group) return memory
  switch (command.kind) {
    case 'scale': {
      const { instances, untilMs, by } = command
      const { hold: _released, ...rest } = memory
      return { ...rest, manual: { instances, untilMs, by } }
    }
    case 'hold':
      return { ...memory, hold: { untilMs: command.untilMs, by: command.by } }
    case 'restart': {
      const { rolloutFailed: _cleared, ...rest } = memory
      return { ...rest, restarts: memory.restarts + 1 }
    }
  }
}

/** Drops what has run out; the same memory where nothing has. */
export function expire(memory: GroupMemory, nowMs: EpochMs): GroupMemory {
  const { manual, hold, failures } = memory
  const quiet = failures.count > 0 && nowMs - failures.lastAtMs > QUIET_MS
  const isOver = (wish: { readonly untilMs: EpochMs } | undefined): boolean =>
    wish !== undefined && wish.untilMs <= nowMs
  if (!quiet && !isOver(manual) && !isOver(hold)) return memory
  const { manual: _manual, hold: _hold, ...rest } = memory
  return {
    ...rest,
    ...(manual === undefined || isOver(manual) ? {} : { manual }),
    ...(hold === undefined || isOver(hold) ? {} : { hold }),
    failures: quiet ? { ...failures, count: 0 } : failures,
  }
}

/** Learns from the readings what later decisions need. */
export function learn(memory: GroupMemory, seen: GroupObservation, nowMs: EpochMs): GroupMemory {
  const inFlightTrail = withTrail(memory.inFlightTrail, numberOf(seen.readings.inFlight), nowMs)
  const cpuPerRps = learnCost(memory, seen, nowMs)
  if (inFlightTrail === memory.inFlightTrail && cpuPerRps === memory.cpuPerRps) return memory
  if (cpuPerRps === undefined) return { ...memory, inFlightTrail }
  return { ...memory, inFlightTrail, cpuPerRps }
}

type Trail = GroupMemory['inFlightTrail']

function withTrail(trail: Trail, inFlight: number | undefined, nowMs: EpochMs): Trail {
  const last = trail.at(-1)
  const due = inFlight !== undefined && (last === undefined || nowMs - last.atMs >= TRAIL_STEP_MS)
  const kept: Trail[number][] = []
  for (const seen of trail) if (nowMs - seen.atMs <= TRAIL_MS) kept.push(seen)
  if (due) kept.push({ atMs: nowMs, value: inFlight })
  else if (kept.length === trail.length) return trail
  return kept
}

// Only settled, unsaturated moments tell what a request costs.
function learnCost(
  memory: GroupMemory,
  seen: GroupObservation,
  nowMs: EpochMs,
): number | undefined {
  const cpu = numberOf(seen.readings.cpuPercent)
  const rps = numberOf(seen.readings.rps)
  if (cpu === undefined || rps === undefined) return memory.cpuPerRps
  if (rps < 5 || cpu < 5 || cpu > 85) return memory.cpuPerRps
  let count = 0
  for (const { phase, phaseAtMs } of instancesOf(seen)) {
    if (phase === 'exited') continue
    if (phase !== 'ready' || nowMs - phaseAtMs <= SETTLED_MS) return memory.cpuPerRps
    count += 1
  }
  const cost = (cpu * count) / rps
  return memory.cpuPerRps === undefined ? cost : memory.cpuPerRps * 0.9 + cost * 0.1
}

/**
 * Counts a turn's failures once, and puts off the next try: at once, then 1 s, 2 s, … up to 30 s.
 */
export function failed(memory: GroupMemory, reason: string, nowMs: EpochMs): GroupMemory {
  const count = memory.failures.count + 1
  const wait = count < 2 ? 0 : Math.min(BACKOFF_MOST_MS, BACKOFF_FIRST_MS * 2 ** (count - 2))
  return { ...memory, failures: { count, lastAtMs: nowMs, retryAtMs: nowMs + wait, reason } }
}

/** Notes instances that died by themselves or never became ready, and a roll that this ends. */
export function noteFailures(
  memory: GroupMemory,
  group: GroupSpec,
  seen: GroupObservation,
  nowMs: EpochMs,
): GroupMemory {
  const instances = instancesOf(seen)
  if (!instances.some((i) => isBroken(i, group, nowMs))) return memory
  const broken = instances.filter((i) => isBroken(i, group, nowMs))
  const first = broken[0]
  if (first === undefined) return memory
  const noted = failed(memory, failureOf(first), nowMs)
  const generation = generationOf(group, memory)
  const stillborn = broken.find((i) => i.generation === generation && neverReady(i))
  const others = instancesOf(seen).some((i) => i.phase === 'ready' && i.generation !== generation)
  if (stillborn === undefined || !others) return noted
  return { ...noted, rolloutFailed: { generation, reason: failureOf(stillborn) } }
}

function isBroken(instance: Instance, group: GroupSpec, nowMs: EpochMs): boolean {
  if (instance.phase === 'exited') return instance.exit?.expected !== true
  return tooSlow(instance, group, nowMs)
}

/** Whether an instance has been starting for longer than it may. */
export function tooSlow(instance: Instance, group: GroupSpec, nowMs: EpochMs): boolean {
  return instance.phase === 'starting' && nowMs - instance.startedAtMs > group.run.startTimeoutMs
}

function neverReady(instance: Instance): boolean {
  return instance.phase === 'starting' || instance.exit?.wasReady === false
}

/** What happened to an instance, for people. */
export function failureOf(instance: Instance): string {
  const { exit } = instance
  const said = lastWords(exit?.lastLines ?? instance.lastLines ?? [])
  if (exit === undefined) {
    return `${instance.id} never became ready (${instance.detail ?? 'no answer'})${said}`
  }
  const code = `exited with code ${exit.code ?? 'unknown'}`
  const how = exit.signal ? `was ended by ${exit.signal}` : code
  return `${instance.id} ${how}${exit.wasReady ? '' : ' before it was ready'}${said}`
}

function lastWords(lines: readonly string[]): string {
  return lines.length > 0 ? `; it last said: ${lines.slice(-3).join(' | ')}` : ''
}

type Wants = GroupMemory['wants']

/**
 * Adds a want to the window that settle looks at: the same window where that changes nothing. What
 * a later and no smaller want has made meaningless is dropped; the first entry stays until another
 * one is as old as the window, for it shows since when wants were seen.
 */
export function withWant(wants: Wants, instances: number, nowMs: EpochMs, settleMs: number): Wants {
  const last = wants.at(-1)
  // Spaced so that a whole window fits into the limit, however long it is.
  const spacing = Math.max(1_000, settleMs / (WANTS_LIMIT / 2))
  if (last !== undefined && nowMs - last.atMs < spacing && last.instances >= instances) return wants
  // One entry older than the window is kept: it shows that the whole window was seen.
  const firstInside = wants.findIndex((w) => w.atMs > nowMs - settleMs)
  const from = Math.max(0, firstInside === -1 ? wants.length - 1 : firstInside - 1)
  let to = wants.length
  // A clock that was set back leaves entries of the future; they stay until it has caught up.
  for (let w = wants[to - 1]; to - 1 > from && w !== undefined; w = wants[to - 1]) {
    if (w.instances > instances || w.atMs > nowMs) break
    to -= 1
  }
  const kept = wants.slice(from, to)
  kept.push({ atMs: nowMs, instances })
  return kept.length > WANTS_LIMIT ? kept.slice(-WANTS_LIMIT) : kept
}
