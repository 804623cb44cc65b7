// For tests: an NGINX in temporary folders.
import { chmodSync, mkdtempSync, realpathSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { createNginxBalancer } from '../../src/adapters/nginx/balancer.ts'
import { findNginx } from '../../src/adapters/nginx/binary.ts'
import { isRunning, readIdentity, signal } from '../../src/adapters/nginx/process.ts'
import type { Reach } from '../../src/adapters/nginx/state.ts'
import type { Balancer, Clock } from '../../src/core/ports.ts'

/** Real time. */
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  sleep: (ms) => sleep(ms),
}

/** What NGINX can't do, as the conformance suite calls it. */
export const LACKING = [
  'waiting room',
  'full counters',
  'own bodies',
  'counts across changes',
  'named hop-by-hop headers',
  'duplex bodies',
] as const

/** Why these tests are skipped; false where NGINX is there. */
export const missing: string | false =
  findNginx(process.env.PATH) === undefined && 'nginx is not installed'

/** A balancer under test, and where it lives. */
export interface NginxSubject {
  readonly balancer: Balancer
  readonly prefix: string
  /** Present where instances are to listen on Unix sockets. */
  readonly sockets?: string
  readonly arePortsKnown: boolean
  another(): Balancer
  /** Kills the master alone, as `kill -9` does. */
  kill(): Promise<void>
  dispose(): Promise<void>
}

/** Nothing runs yet; `dispose` ends everything and removes its files, the state folder too. */
export function createSubject(reach: Reach, given?: string): NginxSubject {
  const stateDir = given ?? realpathSync(mkdtempSync(join(tmpdir(), 'plimsoll-nginx-')))
  const sockets = mkdtempSync(join(tmpdir(), 'plimsoll-sockets-'))
  // Root's NGINX has workers of another user, who must be able to enter.
  chmodSync(sockets, 0o711)
  const prefix = join(stateDir, 'nginx')
  const balancer = createNginxBalancer({ stateDir, clock: systemClock })
  return {
    balancer,
    prefix,
    ...(reach === 'unix' ? { sockets } : {}),
    arePortsKnown: reach === 'direct',
    another: () => createNginxBalancer({ stateDir, clock: systemClock }),
    kill: async () => {
      const identity = readIdentity(join(prefix, 'process.json'))
      if (!identity || !signal(identity, 'SIGKILL')) throw new Error('there is no master to kill')
      while (isRunning(identity)) await sleep(5)
    },
    dispose: async () => {
      await balancer.stop(0, new AbortController().signal)
      for (const folder of [stateDir, sockets]) rmSync(folder, { recursive: true, force: true })
    },
  }
}
