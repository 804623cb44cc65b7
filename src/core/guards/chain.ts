// What is allowed of what policies want, in order. The chain is the explanation, so each guard is
// one entry.
import type { Guard } from '../context.ts'
import { blind } from './blind.ts'
import { bounds } from './bounds.ts'
import { budget } from './budget.ts'
import { deploy } from './deploy.ts'
import { downstream } from './downstream.ts'
import { errors, outage } from './errors.ts'
import { hold } from './hold.ts'
import { host } from './host.ts'
import { hours } from './hours.ts'
import { cooldown, step } from './pace.ts'
import { projection } from './projection.ts'
import { schedule } from './schedule.ts'
import { settle } from './settle.ts'
import { store } from './store.ts'

/**
 * Names and guards, in the order they are asked. First what the calendar allows, and what may raise
 * the number (`blind`); then what keeps it; then how far; last the limits that always hold.
 * `projection` looks at what would really be done, so it comes after what makes steps smaller.
 */
export const GUARDS: readonly (readonly [name: string, guard: Guard])[] = [
  ['schedule', schedule],
  ['blind', blind],
  ['hold', hold],
  ['errors', errors],
  ['outage', outage],
  ['deploy', deploy],
  ['settle', settle],
  ['store', store],
  ['host', host],
  ['downstream', downstream],
  ['hours', hours],
  ['step', step],
  ['projection', projection],
  ['cooldown', cooldown],
  ['bounds', bounds],
  ['budget', budget],
]

/** The guards that bind a person's own wish too. */
export const MANUAL_GUARDS: readonly (readonly [name: string, guard: Guard])[] = [
  ['bounds', bounds],
  ['budget', budget],
]
