// Which balancer is chosen, why, and when it can't be exchanged.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { HttpSpec, Spec, Via } from './model.ts'
import { chooseBalancer } from './via.ts'

function spec(...https: readonly (Partial<HttpSpec> | undefined)[]): Spec {
  const groups = https.map((http, index) => ({
    name: `g${index}`,
    ...(http === undefined ? {} : { http: { via: { kind: 'auto' }, ...http } }),
  }))
  return { groups } as unknown as Spec
}
const via = (given: Via) => spec({ via: given })

test('what the file says is chosen, else NGINX where it is, else the built-in one', () => {
  const program = { nginx: '/usr/sbin/nginx' }
  const chosen = (given: Spec, world: Parameters<typeof chooseBalancer>[1] = {}) => {
    const choice = chooseBalancer(given, world)
    return choice.ok ? `${choice.value.balancer.kind}: ${choice.value.why}` : choice.fault.code
  }
  assert.equal(chosen(spec({})), 'builtin: NGINX is not installed')
  assert.equal(chosen(spec({}), program), 'nginx: /usr/sbin/nginx is installed')
  assert.equal(chosen(via({ kind: 'builtin' }), program), 'builtin: the file says via: builtin')
  assert.equal(chosen(via({ kind: 'nginx' })), 'nginx: the file says via: nginx')
  const attached = via({ kind: 'attach', dir: '/etc/n' })
  assert.match(chosen(attached), /attach: the file says .*\/etc\/n/)
  assert.equal(
    chosen(spec(undefined, { hostnames: ['a'] })),
    'nginx: hostnames of group g1 needs NGINX',
  )
  assert.equal(chosen(spec({ via: undefined as never })), 'builtin: NGINX is not installed')
})

test('what runs stays; another one is refused', () => {
  const running = { kind: 'builtin' } as const
  const world = { nginx: '/usr/sbin/nginx', running }
  const kept = chooseBalancer(spec({}), world)
  assert.deepEqual(kept, { ok: true, value: { balancer: running, why: 'it runs already' } })
  const same = chooseBalancer(via({ kind: 'builtin' }), world)
  assert.ok(same.ok && same.value.why.includes('the file'))
  for (const other of [via({ kind: 'nginx' }), spec({ members: [] })]) {
    const refused = chooseBalancer(other, world)
    assert.ok(!refused.ok && refused.fault.code === 'E_VIA_CHANGED')
  }
  const elsewhere = chooseBalancer(via({ kind: 'attach', dir: '/b' }), {
    running: { kind: 'attach', dir: '/a' },
  })
  assert.ok(!elsewhere.ok)
})
