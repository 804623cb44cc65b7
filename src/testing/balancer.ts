// The conformance suite for the Balancer port: what every adapter must do, shown over real sockets.
import { after, afterEach, before, describe } from 'node:test'
import { controlTests } from './balancer/control-tests.ts'
import { failureTests } from './balancer/failure-tests.ts'
import { requestTests } from './balancer/request-tests.ts'
import { rotationTests } from './balancer/rotation-tests.ts'
import { type BalancerSubject, Stage } from './balancer/stage.ts'
import type { BalancerTrait, Needs } from './balancer/traits.ts'

export type { BalancerSubject } from './balancer/stage.ts'
export type { BalancerTrait, Needs } from './balancer/traits.ts'

/**
 * Runs the suite with `node:test`. `create` makes a balancer with an empty state; it is called
 * once, and disposed of at the end.
 */
export function balancerConformance(
  name: string,
  create: () => Promise<BalancerSubject>,
  without: readonly BalancerTrait[] = [],
): void {
  describe(`balancer conformance: ${name}`, () => {
    let stage: Stage | undefined
    const current = () => {
      if (!stage) throw new Error('the balancer was not created')
      return stage
    }
    const needs: Needs = (...traits) => !traits.some((trait) => without.includes(trait))
    before(async () => {
      stage = new Stage(await create())
      const fault = await stage.balancer.start(new AbortController().signal)
      if (fault) throw new Error(fault.message)
    })
    afterEach(() => current().clear())
    after(() => current().subject.dispose())
    rotationTests(current, needs)
    failureTests(current, needs)
    requestTests(current, needs)
    controlTests(current, needs)
  })
}
