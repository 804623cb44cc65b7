// The `step` policy: a signal with bounds, each for a change of so many instances, as in AWS step
// scaling. Instances that still warm up count as there, but not as those that were measured: while
// they do, a bound that stays passed adds nothing, and a higher one only the difference.
import { type GroupContext, numberOf, type Policy, reasonOf, round1, standsOn } from '../context.ts'
import type { Reading, Recommendation } from '../model.ts'
import type { Step, StepSignal } from './model.ts'

/** From this long after it became ready an instance carries its share of what is measured. */
const WARM_MS = 10_000
const NOTHING: readonly Recommendation[] = []

/** One recommendation per signal that has steps. */
export const step: Policy = (context: GroupContext) => {
  const { steps } = context.group
  return steps === undefined ? NOTHING : steps.map((signal) => recommend(signal, context))
}

function recommend(signal: StepSignal, context: GroupContext): Recommendation {
  const policy = `step.${signal.kind}`
  const reading = readingOf(signal, context)
  const total = numberOf(reading)
  if (total === undefined || context.ready.length === 0) {
    if (context.current === 0) return { kind: 'abstain', policy, reason: 'none', blind: false }
    const why = total === undefined ? reasonOf(reading) : 'no instance is ready'
    return { kind: 'abstain', policy, reason: `no reading: ${why}`, blind: true }
  }
  const value = signal.kind === 'cpu' ? total : total / context.ready.length
  const found = passed(signal.steps, value)
  const words = `${round1(value)} ${UNIT[signal.kind]}`
  const { instances, reason } = changed(found, words, context)
  return standsOn(reading, { kind: 'want', policy, instances, reason }, context.nowMs)
}

const UNIT: Record<StepSignal['kind'], string> = {
  in_flight: 'in flight per instance',
  rps: 'requests/s per instance',
  cpu: '% of a core',
}

function readingOf({ kind }: StepSignal, { seen }: GroupContext): Reading {
  const { rps, inFlight, cpuPercent } = seen.readings
  return { rps, in_flight: inFlight, cpu: cpuPercent }[kind]
}

// The outermost bound that is passed.
function passed(steps: readonly Step[], value: number): Step | undefined {
  let found: Step | undefined
  for (const next of steps) {
    const isPassed = next.side === 'above' ? value > next.bound : value < next.bound
    if (!isPassed) continue
    const isFurther = next.side === 'above' ? 1 : -1
    if (found === undefined || (next.bound - found.bound) * isFurther > 0) found = next
  }
  return found
}

function changed(
  found: Step | undefined,
  words: string,
  context: GroupContext,
): { readonly instances: number; readonly reason: string } {
  const { current } = context
  if (found === undefined) return { instances: current, reason: `${words} is between the bounds` }
  const warm = warmOf(context)
  const by = found.unit === 'percent' ? share(found.by, Math.min(warm, current)) : found.by
  const where = `${words} is ${found.side} ${found.bound}`
  if (found.side === 'above') {
    const instances = Math.max(current, warm + by)
    const waits = instances === current ? `, and what was added still warms up` : ''
    return { instances, reason: `${where}: ${by} more than ${warm} wants ${instances}${waits}` }
  }
  if (context.starting.length > 0 || warm < context.ready.length)
    return { instances: current, reason: `${where}, but instances still warm up` }
  // With none left nothing would be measured that could bring one back.
  const instances = Math.min(current, Math.max(1, current - by))
  return { instances, reason: `${where}: ${by} fewer wants ${instances}` }
}

function warmOf({ ready, nowMs }: GroupContext): number {
  let warm = 0
  for (const instance of ready) if (nowMs - instance.phaseAtMs >= WARM_MS) warm++
  return warm
}

// AWS rounds down, but never to nothing.
function share(percent: number, of: number): number {
  return Math.max(1, Math.floor((percent * of) / 100 + 1e-9))
}
