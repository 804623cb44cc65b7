// An NGINX of others passes the conformance suite, as far as an attached one can. Unix sockets have
// their part in nginx-attach-changes.test.ts: pools are those of an NGINX of our own.
import { mkdtempSync, realpathSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { createAttachBalancer } from '../../src/adapters/nginx/attach/balancer.ts'
import type { Balancer } from '../../src/core/ports.ts'
import { type BalancerSubject, balancerConformance } from '../../src/testing/balancer.ts'
import { Distribution } from './nginx-distribution.ts'
import { LACKING, missing, systemClock } from './nginx-subject.ts'

if (missing) test('attached nginx conformance', { skip: missing }, () => {})
else {
  balancerConformance('attached nginx, on known ports', subject, LACKING)
}

async function subject(): Promise<BalancerSubject> {
  const distribution = await Distribution.create()
  await distribution.start()
  const stateDir = realpathSync(mkdtempSync(join(tmpdir(), 'plimsoll-attach-')))
  const create = () => {
    const options = { stateDir, clock: systemClock, dir: distribution.confD }
    return startedByItsOwner(createAttachBalancer(options), distribution)
  }
  const balancer = create()
  return {
    balancer,
    arePortsKnown: true,
    another: create,
    kill: () => distribution.kill(),
    dispose: async () => {
      await balancer.stop(0, new AbortController().signal)
      await distribution.dispose()
      rmSync(stateDir, { recursive: true, force: true })
    },
  }
}

/** What the suite expects of a start, the owner of the installation does. */
function startedByItsOwner(balancer: Balancer, distribution: Distribution): Balancer {
  return {
    name: balancer.name,
    start: async (cancel) => {
      if (!distribution.master) await distribution.start()
      return balancer.start(cancel)
    },
    observe: (cancel) => balancer.observe(cancel),
    configure: (groups, cancel) => balancer.configure(groups, cancel),
    onChange: (listener) => balancer.onChange(listener),
    stop: (graceMs, cancel) => balancer.stop(graceMs, cancel),
    close: () => balancer.close(),
  }
}
