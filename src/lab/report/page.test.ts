// The report: the document's figures to the last digit, all in one file, and nothing in it that
// was not meant as HTML.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type BacktestPolicy, backtest } from '../backtest.ts'
import { synthetic } from '../traffic/synthetic.ts'
import { worldOf } from '../world/world.ts'
import { type Course, trafficCourse } from './course.ts'
import { type BacktestDocument, reportPage } from './page.ts'

const HOSTILE = `</script><script>alert(1)</script><img src=x onerror='alert(2)'>"&'`
const world = worldOf(synthetic('bursts', { seconds: 1_200, peakRps: 300, seed: 1 }).rps)
const courses = new Map<BacktestPolicy, Course>()
const result = backtest(world, ['plimsoll-target', 'kpa-rate', 'static-mean'], {
  onCourse: (row, course) => courses.set(row, course),
})
const hostileRow = { ...result.policies[2], name: HOSTILE } as BacktestPolicy
const document: BacktestDocument = {
  trace: {
    ...{ name: HOSTILE, seconds: 1_200, step_s: 1, mean_rps: 123.456_789, peak_rps: 331 },
    notes: [`a note of ${HOSTILE}`],
  },
  slo: { latency_ms: 300, violation_percent: 0.1 },
  ...result,
  policies: [...result.policies, hostileRow],
  at_equal_slo: { ...result.at_equal_slo, best_rival: HOSTILE, ratio: 0.987_654_321 },
  plant: {
    ...{ capacity_rps: 50, service_ms: 50, boot_s: 45, drain_s: 15 },
    ...{ min_instances: 1, max_instances: 12, seed: 1 },
  },
}
const page = reportPage(document, {
  traffic: trafficCourse(world),
  of: (row) => courses.get(row) ?? courses.get(result.policies[0] ?? row),
})

/** The rows of the table as cells; a `data` element counts as its exact value. */
function rowsOf(html: string): readonly (readonly string[])[] {
  return [...html.matchAll(/<tr[^>]*>(.*?)<\/tr>/gs)].map(([, row = '']) =>
    [...row.matchAll(/<td[^>]*>(.*?)<\/td>/gs)].map(([, cell = '']) => {
      const [, exact] = /<data value="([^"]*)">/.exec(cell) ?? []
      return exact ?? cell
    }),
  )
}

test('the table has the figures of the document, the cheapest first', () => {
  const rows = rowsOf(page).filter((row) => row.length > 0)
  const sorted = document.policies.toSorted((a, b) => a.cost - b.cost)
  assert.equal(rows.length, sorted.length + 2)
  for (const [i, policy] of sorted.entries()) {
    const [number, , variant, late, hours, cost, starts, longest] = rows[i] ?? []
    assert.equal(number, `${i + 1}`)
    assert.equal(variant, policy.variant)
    const figures = [late, hours, cost, starts, longest].map(Number)
    const { slo_violation_percent, instance_hours, longest_violation_s } = policy
    assert.deepEqual(figures, [
      ...[slo_violation_percent, instance_hours, policy.cost],
      ...[policy.starts, longest_violation_s],
    ])
  }
  const [oracle, bound] = rows.slice(-2)
  assert.deepEqual([oracle?.[1], Number(oracle?.[4])], ['oracle', document.oracle_instance_hours])
  assert.deepEqual([bound?.[1], Number(bound?.[4])], ['bound', document.bound_instance_hours])
  assert.match(page, /<data value="0.987654321">0.988<\/data>/)
})

test('the front is marked: nobody has fewer late requests for as few hours', () => {
  const rows = rowsOf(page).slice(0, -2)
  const points = rows
    .filter((row) => row.length > 0)
    .map((row) => ({ late: Number(row[3]), hours: Number(row[4]), isBest: row[8] === 'yes' }))
  assert.ok(points.some((p) => p.isBest) && points.some((p) => !p.isBest))
  for (const { late, hours, isBest } of points) {
    const beaten = points.some(
      (p) => p.late <= late && p.hours <= hours && (p.late < late || p.hours < hours),
    )
    if (isBest) assert.ok(!beaten, `${late} % at ${hours} h is beaten`)
    else assert.ok(beaten || points.some((p) => p.isBest && p.late === late && p.hours === hours))
  }
})

test('the document itself is inside, as it is', () => {
  const [, inside = ''] =
    /<script type="application\/json" id="document">(.*?)<\/script>/s.exec(page) ?? []
  assert.deepEqual(JSON.parse(inside), JSON.parse(JSON.stringify(document)))
})

test('names are text: none becomes an element, and nothing is fetched or run', () => {
  assert.equal([...page.matchAll(/<script/g)].length, 1)
  assert.ok(!page.includes('<img'))
  assert.match(page, /<title>Backtest of &lt;\/script&gt;/)
  for (const [tag] of page.replace(/<script.*?<\/script>/gs, '').matchAll(/<[a-z][^>]*>/g)) {
    assert.match(tag, /^<[a-z]\w*(?:\s+[a-zA-Z-]+="[^"<>]*")*\/?>$/)
    assert.ok(!/ (?:src|href|on\w+)=/.test(tag.replace(/"[^"]*"/g, '')), tag)
  }
  assert.ok(!/url\(|@import|https?:/.test(page))
  assert.match(page, /default-src 'none'/)
  assert.match(page, /name="viewport" content="width=device-width/)
  assert.match(page, /prefers-color-scheme: dark/)
})

test('every element that is opened is closed, in order', () => {
  const open: string[] = []
  const body = page.replace(/<script.*?<\/script>/gs, '').replace(/<style>.*?<\/style>/gs, '')
  for (const [, closing, name = '', rest = ''] of body.matchAll(/<(\/?)([a-z]\w*)([^>]*)>/g)) {
    if (name === 'meta' || rest.endsWith('/')) continue
    if (closing === '/') assert.equal(open.pop(), name)
    else open.push(name)
  }
  assert.deepEqual(open, [])
})

test('a chart for every row, drawn inside its frame', () => {
  const drawn = [...page.matchAll(/ d="([^"]+)"/g)].map((m) => m[1] ?? '')
  assert.equal(drawn.length, document.policies.length * 4)
  for (const path of drawn) {
    assert.match(path, /^M0 [\d.]+(?:[MLHVZ\d. ])+$/)
    const heights = [...path.matchAll(/[ML]-?[\d.]+ (-?[\d.]+)/g)].map((m) => Number(m[1]))
    assert.ok(heights.every((y) => y >= 0 && y <= 100))
  }
})
