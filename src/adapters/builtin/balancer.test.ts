// The built-in balancer passes the conformance suite.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Clock } from '../../core/ports.ts'
import { type BalancerSubject, balancerConformance } from '../../testing/balancer.ts'
import { createBuiltinBalancer } from './balancer.ts'
import { isRunning, killIfRunning, readIdentity } from './process-identity.ts'

const clock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  sleep: (ms) => sleep(ms),
}

async function create(): Promise<BalancerSubject> {
  const stateDir = mkdtempSync(join(tmpdir(), 'plimsoll-balancer-'))
  const balancer = createBuiltinBalancer({ stateDir, clock })
  return {
    balancer,
    another: () => createBuiltinBalancer({ stateDir, clock }),
    kill: async () => {
      const identity = readIdentity(join(stateDir, 'balancer.process.json'))
      if (!identity || !killIfRunning(identity)) throw new Error('there is no process to kill')
      while (isRunning(identity)) await sleep(5)
    },
    dispose: async () => {
      await balancer.stop(0, new AbortController().signal)
      rmSync(stateDir, { recursive: true, force: true })
    },
  }
}

balancerConformance('built-in', create)
