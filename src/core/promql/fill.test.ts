// Queries filled in, what they select, and placeholders that stand where they can't.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { cpuQuery, NO_CPU } from './cpu.ts'
import { filledIn, matchers, misplaced } from './fill.ts'
import { selectorsOf, tokensOf } from './scan.ts'

const blanks = { app: 'shop', group: 'web', labels: { job: 'a"b\\c', env: 'prod' } }

test('placeholders are filled in where they stand, and nowhere else', () => {
  const cases: readonly (readonly [query: string, filled: string])[] = [
    ['sum(up)', 'sum(up)'],
    ['up{$labels}', 'up{job="a\\"b\\\\c",env="prod"}'],
    ['up{ $labels , x="1" }', 'up{ job="a\\"b\\\\c",env="prod" , x="1" }'],
    ['up{group="$group",app=~\'$app|x\'}', 'up{group="web",app=~\'shop|x\'}'],
    ['up{x=`$group`}', 'up{x=`web`}'],
    ['up # $labels $group "', 'up # $labels $group "'],
    ['up{x="# $group"}', 'up{x="# web"}'],
    [
      'label_replace(up, "a", "$1-$2", "b", "(.*)$")',
      'label_replace(up, "a", "$1-$2", "b", "(.*)$")',
    ],
  ]
  for (const [query, filled] of cases) {
    assert.equal(filledIn(query, blanks), filled)
    assert.equal(misplaced(query, true), undefined, query)
  }
  assert.equal(filledIn('up{$labels}', { app: 'a', group: 'b' }), 'up{}')
})

test('labels are one line of plain text, whatever they hold', () => {
  assert.equal(
    matchers({ a: '\n\u0000\u007f\u202e\u2028' }),
    'a="\\u000a\\u0000\\u007f\\u202e\\u2028"',
  )
  assert.equal(matchers({ a: '\u{e0001}☃' }), 'a="\\U000e0001☃"')
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (value) => {
      const [name, sign, text, ...rest] = tokensOf(matchers({ a: value }))
      assert.deepEqual([name?.text, sign?.text, text?.kind, rest], ['a', '=', 'string', []])
    }),
  )
})

test('tokens are the whole query, whatever it is', () => {
  fc.assert(
    fc.property(fc.string({ unit: fc.constantFrom(...'{}()"\'`\\#$a1 \n[],=') }), (query) => {
      assert.equal(
        tokensOf(query)
          .map((t) => t.text)
          .join(''),
        query,
      )
      selectorsOf(query)
      misplaced(query, false)
    }),
  )
})

test('a placeholder in a wrong place, or none at all, is told', () => {
  const cases: readonly (readonly [query: string, told: RegExp])[] = [
    ['up{job="$job"}', /^\$job is no placeholder: there are \$labels, \$group, \$app$/],
    ['rate(up[$__interval])', /^\$__interval is no placeholder/],
    ['sum($labels)', /^\$labels stands between braces/],
    ['up{job="$labels"}', /^\$labels stands between braces/],
    ['up{job=$group}', /^\$group stands within quotes/],
    ['$app', /^\$app stands within quotes/],
  ]
  for (const [query, told] of cases) assert.match(misplaced(query, true) ?? '', told, query)
  assert.match(misplaced('up{$labels}', false) ?? '', /the group has no labels/)
})

test('what a query selects is found without ranges, functions and groupings', () => {
  const cases: readonly (readonly [query: string, ...selectors: string[]])[] = [
    ['vector(1) + 2e3 * time()'],
    ['up', 'up'],
    ['sum by (job, up) (rate(a:b{x="}",y=~"{"}[5m] offset 1h)) > bool 3', 'a:b{x="}",y=~"{"}'],
    ['sum(a) without (b) / on (c) group_left (d) sum without(e)(f)', 'a', 'f'],
    ['{__name__="a"} or b # c', '{__name__="a"}', 'b'],
    ['max_over_time(rate(a[1m])[10m:30s]) and a unless Inf', 'a'],
    ['histogram_quantile(0.9, sum by (le) (rate(h_bucket[5m] @ start())))', 'h_bucket'],
    ['a{b="c"', 'a{b="c"'],
  ]
  for (const [query, ...selectors] of cases) assert.deepEqual(selectorsOf(query), selectors, query)
  const many = Array.from({ length: 20 }, (_, i) => `m${i}`).join(' + ')
  assert.equal(selectorsOf(many).length, 8)
})

test('CPU asks the exporters in their order, with the labels in each', () => {
  const query = cpuQuery({ job: 'x"' })
  const selectors = selectorsOf(query)
  assert.deepEqual(selectors, [
    'container_cpu_usage_seconds_total{job="x\\"",image!=""}',
    'node_cpu_seconds_total{job="x\\"",mode="idle"}',
    'process_cpu_seconds_total{job="x\\""}',
  ])
  assert.ok(query.endsWith(` or vector(${NO_CPU})`))
})
