// NGINX passes the conformance suite, as far as NGINX can.
import { strict as assert } from 'node:assert'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { createNginxBalancer } from '../../src/adapters/nginx/balancer.ts'
import { NEVER } from '../../src/testing/balancer/stage.ts'
import { balancerConformance } from '../../src/testing/balancer.ts'
import { createSubject, LACKING, missing, systemClock } from './nginx-subject.ts'

if (missing) test('nginx conformance', { skip: missing }, () => {})
else {
  balancerConformance('nginx, on known ports', async () => createSubject('direct'), LACKING)
  balancerConformance('nginx, on any ports', async () => createSubject('forwarded'), LACKING)
  balancerConformance('nginx, on Unix sockets', async () => createSubject('unix'), LACKING)
}

test('without NGINX the fault says how to get it', async () => {
  const stateDir = mkdtempSync(join(tmpdir(), 'plimsoll-nginx-'))
  const nginx = join(stateDir, 'nowhere', 'nginx')
  const balancer = createNginxBalancer({ stateDir, clock: systemClock, nginx })
  for (const fault of [await balancer.start(NEVER), await balancer.configure([], NEVER)]) {
    assert.equal(fault?.code, 'E_BALANCER_MISSING')
    assert.match(fault?.message ?? '', /apt-get install nginx-light/)
  }
  const status = await balancer.observe(NEVER)
  assert.equal(status.kind, 'down')
  await balancer.stop(0, NEVER)
  rmSync(stateDir, { recursive: true, force: true })
})
