// A backtest as one page that stands alone: no script that runs, no file or address beside it.
import type { BacktestPolicy, BacktestResult } from '../backtest.ts'
import { paretoFront } from '../score/cost.ts'
import { courseChart, type FrontPoint, figure, frontChart, span } from './charts.ts'
import type { Course, TrafficCourse } from './course.ts'
import { type Html, html, jsonIn } from './html.ts'
import { STYLE } from './style.ts'

/** What a backtest was about and what it found: the document of `--json`. */
export interface BacktestDocument extends BacktestResult {
  readonly trace: {
    readonly name: string
    readonly seconds: number
    readonly step_s: number
    readonly mean_rps: number
    readonly peak_rps: number
    /** What was assumed, in whole sentences. */
    readonly notes: readonly string[]
  }
  readonly slo: { readonly latency_ms: number; readonly violation_percent: number }
  readonly plant: {
    readonly capacity_rps: number
    readonly service_ms: number
    readonly boot_s: number
    readonly drain_s: number
    readonly min_instances: number
    readonly max_instances: number
    readonly seed: number
  }
}

/** How the rows went over time. */
export interface Courses {
  readonly traffic: TrafficCourse
  readonly of: (row: BacktestPolicy) => Course | undefined
}

/** So many charts are shown without asking, besides Plimsoll's own. */
const SHOWN = 3

/** The page. */
export function reportPage(document: BacktestDocument, courses: Courses): string {
  const { trace } = document
  const points = pointsOf(document.policies)
  const marks = [
    { words: 'bound', hours: document.bound_instance_hours },
    { words: 'oracle', hours: document.oracle_instance_hours },
  ]
  const page = html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>Backtest of ${trace.name}</title>
<style>${{ html: STYLE }}</style>
</head>
<body>
<h1>Backtest of ${trace.name}</h1>
${head(document)}
<h2>Late requests against instance-hours</h2>
<p class="soft">Numbers as in the table; filled ones are the front: nobody has fewer late requests
for as few hours. The oracle sees one boot ahead; no schedule that always serves costs less than the
bound.</p>
${frontChart(points, marks)}
<div class="wide">${tableOf(document, points)}</div>
<h2>Over time</h2>
<p class="soft"><span class="key" style="background:var(--traffic)"></span> requests/s, mean
<span class="key" style="background:var(--most)"></span> most in a second
<span class="key" style="background:var(--supply)"></span> what the ready instances serve
<span class="key" style="background:var(--late)"></span> late requests. A column is
${span(courses.traffic.columnS)}.</p>
${chartsOf(points, courses)}
<footer><p>The same figures are in this page's source as JSON, as <code>--json</code> prints
them.</p></footer>
<script type="application/json" id="document">${jsonIn(document)}</script>
</body>
</html>
`
  return page.html
}

// In the order of cost, with the front marked.
function pointsOf(policies: readonly BacktestPolicy[]): readonly FrontPoint[] {
  const sorted = policies.toSorted((a, b) => a.cost - b.cost)
  const front = paretoFront(
    sorted.map((row) => ({
      row,
      violationPercent: row.slo_violation_percent,
      instanceHours: row.instance_hours,
    })),
  )
  const best = new Set(front.map(({ row }) => row))
  return sorted.map((row, i) => ({ number: i + 1, row, isBest: best.has(row) }))
}

function head({ trace, slo, plant, at_equal_slo: equal }: BacktestDocument): Html {
  const verdict =
    equal.ratio === null
      ? html`At ${figure(equal.violation_percent)} % late requests there is nothing to compare.`
      : html`At ${figure(equal.violation_percent)} % late requests, each at its best setting for this
traffic, Plimsoll takes ${value(equal.ratio)} of the instance-hours of ${equal.best_rival ?? ''}.`
  const notes = trace.notes.map((note) => html`<li>${note}</li>`)
  return html`<p>${span(trace.seconds)} of traffic, a row every ${span(trace.step_s)}: ${value(
    trace.mean_rps,
  )} requests/s on average, ${value(trace.peak_rps)} at the peak. A request is late after ${
    slo.latency_ms
  } ms; ${figure(slo.violation_percent)} % may be.</p>
<p>An instance serves ${figure(plant.capacity_rps)} requests/s, each in ${plant.service_ms} ms.
It is ready ${figure(plant.boot_s)} s after it was asked for, and gone ${plant.drain_s} s after
it left. There may be ${plant.min_instances} to ${plant.max_instances}.</p>
<p><b>${verdict}</b></p>
${notes.length === 0 ? [] : html`<ul>${notes}</ul>`}
`
}

// For people three digits, for programs all of them.
function value(number: number): Html {
  return html`<data value="${number}">${figure(number)}</data>`
}

function tableOf(document: BacktestDocument, points: readonly FrontPoint[]): Html {
  const rows = points.map(({ number, row, isBest }) => {
    const ours = row.name.startsWith('plimsoll') ? 'ours' : ''
    return html`<tr class="${ours}"><td>${number}</td><td class="name">${row.name}</td>
<td class="name">${row.variant}</td><td>${value(row.slo_violation_percent)} %</td>
<td>${value(row.instance_hours)}</td><td>${value(row.cost)}</td><td>${value(row.starts)}</td>
<td>${value(row.longest_violation_s)} s</td><td>${isBest ? 'yes' : ''}</td></tr>
`
  })
  const reference = (words: string, hours: number) =>
    html`<tr class="soft"><td></td><td class="name">${words}</td><td></td><td></td>
<td>${value(hours)}</td><td></td><td></td><td></td><td></td></tr>
`
  return html`<table>
<thead><tr><th>#</th><th class="name">policy</th><th class="name">variant</th><th>late</th>
<th>instance-hours</th><th>cost</th><th>starts</th><th>longest</th><th>front</th></tr></thead>
<tbody>
${rows}${reference('oracle', document.oracle_instance_hours)}
${reference('bound', document.bound_instance_hours)}</tbody></table>`
}

function chartsOf(points: readonly FrontPoint[], { traffic, of }: Courses): Html {
  const isShown = ({ number, row }: FrontPoint) =>
    number <= SHOWN || row.name.startsWith('plimsoll')
  const chart = ({ row }: FrontPoint): Html => {
    const course = of(row)
    return course === undefined ? html`` : courseChart(row, traffic, course)
  }
  const rest = points.filter((point) => !isShown(point))
  const folded =
    rest.length === 0
      ? html``
      : html`<details><summary>${rest.length} more</summary>${rest.map(chart)}</details>`
  return html`${points.filter(isShown).map(chart)}${folded}`
}
