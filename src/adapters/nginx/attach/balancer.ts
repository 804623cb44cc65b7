// Stands in for the balancer that writes into an installation which runs already.
import { fault } from '../../../core/errors.ts'
import type { Fault } from '../../../core/model.ts'
import type { Balancer, BalancerStatus, Clock } from '../../../core/ports.ts'

/** NGINX as somebody else runs it; `dir` is the folder of its `*.conf`. Not there yet. */
export function createAttachBalancer(options: {
  readonly stateDir: string
  readonly clock: Clock
  readonly dir: string
  readonly nginx?: string
}): Balancer {
  const missing: Fault = fault('E_BALANCER', `attaching at ${options.dir} is not there yet`)
  const down: BalancerStatus = { kind: 'down', fault: missing }
  return {
    name: 'nginx-attach',
    start: async () => missing,
    observe: async () => down,
    configure: async () => missing,
    onChange: () => {},
    stop: async () => {},
    close: async () => {},
  }
}
