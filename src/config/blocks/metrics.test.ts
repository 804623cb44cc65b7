// Queries, labels and where they are asked: what the file means, and how its mistakes are told.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { diffSpecs, fileOf } from '../differences.ts'
import { parseConfig } from '../parse.ts'
import { formatProblems } from '../problems.ts'

const dir = '/srv/shop'

/** A file of one group with lines of its own, and lines of the file. */
function text(group: readonly string[], ...file: readonly string[]): string {
  const own = group.map((line) => `    ${line}`)
  return ['groups:', '  web:', '    run: { command: [node, a.js] }', ...own, ...file].join('\n')
}

function parsed(given: string) {
  const result = parseConfig(given, { dir })
  assert.ok(result.ok, result.ok ? '' : formatProblems(result.problems, 'f'))
  return result.config.spec
}

function refused(given: string): string {
  const result = parseConfig(given, { dir })
  assert.ok(!result.ok, 'it should have been refused')
  return formatProblems(result.problems, 'f')
}

const URL_ONLY = 'metrics: { prometheus: http://127.0.0.1:9090 }'

test('an address alone is enough, and queries have names', () => {
  const spec = parsed(
    text(
      [
        "signals: [{ query: 'sum(a{$labels})', target: 50 }, { query: b, target: 1 }, { cpu: 70 }]",
        'labels: { job: shop, "env": "" }',
      ],
      URL_ONLY,
    ),
  )
  assert.deepEqual(spec.metrics, {
    prometheus: 'http://127.0.0.1:9090',
    headers: {},
    verify: true,
    maxAgeMs: 120_000,
  })
  assert.deepEqual(spec.groups[0]?.signals, [
    { kind: 'query', name: 'query', query: 'sum(a{$labels})', target: 50 },
    { kind: 'query', name: 'query-2', query: 'b', target: 1 },
    { kind: 'cpu', target: 70 },
  ])
  assert.deepEqual(spec.groups[0]?.labels, { job: 'shop', env: '' })
})

const FULL = `metrics:
  prometheus:
    url: https://prometheus.example/prefix
    basic: { user: ops, password: $PASSWORD }
    headers: { X-Scope-OrgID: tenant, X-Token: $TOKEN }
    ca: ca.pem
    verify: false
    max_age: 30s`

test('everything that can be said of a Prometheus; what it may hide is hidden', () => {
  const spec = parsed(text([], FULL))
  assert.deepEqual(spec.metrics, {
    prometheus: 'https://prometheus.example/prefix',
    basic: { user: 'ops', password: '$PASSWORD' },
    headers: { 'X-Scope-OrgID': 'tenant', 'X-Token': '$TOKEN' },
    ca: '/srv/shop/ca.pem',
    verify: false,
    maxAgeMs: 30_000,
  })
  const changed = parsed(text([], FULL.replace('OrgID: tenant', 'OrgID: other')))
  assert.deepEqual(diffSpecs(spec, changed), [
    { path: 'metrics.prometheus.headers.X-Scope-OrgID', from: '(hidden)', to: '(hidden)' },
  ])
  assert.notEqual(spec.hash, changed.hash)
})

test('a specification back in the words of the file is the same specification', () => {
  const spec = parsed(
    text(["signals: [{ query: 'a', target: 2, name: depth }]", 'labels: { a: b }'], FULL),
  )
  const { groups, metrics } = fileOf(spec) as {
    groups: { web: Record<string, unknown> }
    metrics: unknown
  }
  assert.deepEqual(groups.web.signals, [{ query: 'a', target: 2, name: 'depth' }])
  const again = parsed(JSON.stringify({ ...fileOf(spec), groups, metrics }))
  assert.deepEqual(again.metrics, spec.metrics)
  assert.deepEqual(again.groups[0]?.signals, spec.groups[0]?.signals)
  assert.deepEqual(again.groups[0]?.labels, spec.groups[0]?.labels)
})

test('queries stand beside bounds of another signal', () => {
  const steps = 'cpu: { steps: [{ above: 70, add: 2 }] }'
  const spec = parsed(text([`signals: [{ query: a, target: 2 }, { ${steps} }]`], URL_ONLY))
  assert.deepEqual(spec.groups[0]?.signals, [
    { kind: 'query', name: 'query', query: 'a', target: 2 },
  ])
  assert.deepEqual(
    spec.groups[0]?.steps?.map((s) => s.kind),
    ['cpu'],
  )
})

test('mistakes are told with their place', () => {
  const query = (words: string) => text([`signals: [{ ${words} }]`], URL_ONLY)
  const at = (words: string) => text([], `metrics: { prometheus: ${words} }`)
  const cases: readonly (readonly [given: string, told: RegExp])[] = [
    [query('query: a'), /signals\[0\]: .*and target with query/],
    [query('target: 3'), /signals\[0\]: .*and target with query/],
    [query('cpu: 3, target: 3'), /signals\[0\]: .*and target with query/],
    [query('query: a, rps: 3, target: 3'), /signals\[0\]: .*exactly one of/],
    [query('query: a, target: 0'), /signals\[0\].target: .*above 0/],
    [query('cpu: 3, name: x'), /signals\[0\].name: name belongs to a query, and this is cpu/],
    [query('query: a, target: 1, name: cpu'), /signals\[0\].name: cpu is what/],
    [query('query: "a{$labels}", target: 1'), /signals\[0\].query: .*group has no labels/],
    [query('query: "a{x=\\"$job\\"}", target: 1'), /\$job is no placeholder/],
    [
      text(['signals: [{ query: a, target: 1 }, { query: b, target: 1, name: query }]'], URL_ONLY),
      /signals\[1\].name: the name query is given twice/,
    ],
    [
      text(['signals: [{ query: a, target: 1 }]']),
      /signals\[0\]: a query needs metrics.prometheus/,
    ],
    [text(['labels: { 1a: b }']), /labels.1a: expected a name of letters/],
    [text(['labels: { __name__: b }']), /labels.__name__: expected a name of letters/],
    [text(['labels: { a: 1 }']), /labels.a: found 1, expected text/],
    [text(['labels: { a: "\\uD800" }']), /labels.a: .*(half a character|expected text)/],
    [at('ftp://x'), /metrics.prometheus: .*http or https URL/],
    [at('http://ops:s3cret@x'), /metrics.prometheus: found \(hidden\), .*without user/],
    [at('{ url: "http://x?y=z" }'), /metrics.prometheus.url: .*without user, password/],
    [at('{ bearer: $T }'), /url: is missing/],
    [at('{ url: http://x, bearer: s3cret }'), /bearer: found \(hidden\), expected a \$NAME/],
    [at('{ url: http://x, basic: { user: a, password: s3cret } }'), /password: found \(hidden\)/],
    [at('{ url: http://x, headers: { Authorization: s3cret } }'), /Authorization: expected a \$N/],
    [at('{ url: http://x, headers: { X-Api-Key: s3cret } }'), /X-Api-Key: expected a \$NAME/],
    [at('{ url: http://x, headers: { X-A: "s3cret\\nb" } }'), /X-A: found \(hidden\), .*one line/],
    [at('{ url: http://x, headers: { "a b": c } }'), /headers.a b: expected the name of a header/],
    [
      at('{ url: http://x, bearer: $A, basic: { user: a, password: $B } }'),
      /metrics.prometheus: bearer and basic are given at once/,
    ],
    [at('{ url: http://x, max_age: 1ms }'), /max_age: .*at least 1000ms/],
  ]
  for (const [given, told] of cases) {
    const found = refused(given)
    assert.match(found, told)
    assert.doesNotMatch(found, /s3cret/)
  }
})
