// The charts of a report: a policy's supply above the traffic over time with the late requests
// below, and all policies by hours and late requests.
import type { BacktestPolicy } from '../backtest.ts'
import type { Course, TrafficCourse } from './course.ts'
import { type Html, html } from './html.ts'

/** Drawings are so wide and so high in units of their own, and stretched to what there is. */
const WIDTH = 1_000
const HEIGHT = 100

/** A figure for people: three digits. */
export function figure(value: number): string {
  return String(Number(value.toPrecision(3)))
}

/** Seconds for people, in the largest unit that leaves more than one of it. */
export function span(seconds: number): string {
  if (seconds >= 2 * 86_400) return `${figure(seconds / 86_400)} d`
  if (seconds >= 7_200) return `${figure(seconds / 3_600)} h`
  return seconds >= 120 ? `${figure(seconds / 60)} min` : `${figure(seconds)} s`
}

/** Traffic against supply, and late requests, over time. */
export function courseChart(
  { name, variant, slo_violation_percent: late, instance_hours: hours }: BacktestPolicy,
  traffic: TrafficCourse,
  course: Course,
): Html {
  const ceiling = largest([...traffic.most, ...course.supply])
  const worst = largest(course.late.map((count) => count / traffic.columnS))
  const title = `${name}, ${variant}: traffic and supply over ${span(traffic.seconds)}`
  const scale = (values: readonly number[], top: number): readonly number[] =>
    values.map((value) => (top === 0 ? 0 : value / top))
  const lateRates = course.late.map((count) => count / traffic.columnS)
  return html`<figure>
<figcaption><b>${name} · ${variant}</b>
<span>${figure(late)} % late, ${figure(hours)} instance-hours</span></figcaption>
<div class="plot"><svg role="img" aria-label="${title}" viewBox="0 0 ${WIDTH} ${HEIGHT}"
preserveAspectRatio="none">
<path d="${area(scale(traffic.most, ceiling))}" fill="var(--most)"/>
<path d="${area(scale(traffic.mean, ceiling))}" fill="var(--traffic)"/>
<path d="${stairs(scale(course.supply, ceiling))}" fill="none" stroke="var(--supply)"
stroke-width="1.5"/>
</svg><span class="ceiling">${figure(ceiling)} requests/s</span></div>
<div class="plot late"><svg role="img" aria-label="late requests" viewBox="0 0 ${WIDTH} ${HEIGHT}"
preserveAspectRatio="none"><path d="${area(scale(lateRates, worst))}" fill="var(--late)"/></svg>
<span class="ceiling">${worst === 0 ? 'nobody late' : `late: up to ${figure(worst)}/s`}</span></div>
<div class="ends"><span>0</span><span>${span(traffic.seconds)}</span></div>
</figure>
`
}

function largest(values: readonly number[]): number {
  return values.reduce((most, value) => Math.max(most, value), 0)
}

function stairs(shares: readonly number[]): string {
  const width = WIDTH / shares.length
  return shares
    .map((share, i) => {
      const y = round(HEIGHT * (1 - share))
      return `${i === 0 ? 'M' : 'L'}${round(i * width)} ${y}H${round((i + 1) * width)}`
    })
    .join('')
}

function area(shares: readonly number[]): string {
  return `M0 ${HEIGHT}${stairs(shares).replace('M', 'L')}V${HEIGHT}Z`
}

function round(value: number): number {
  return Math.round(value * 10) / 10
}

/** A row with its number in the table, and whether nobody beats it in hours and late requests. */
export interface FrontPoint {
  readonly number: number
  readonly row: BacktestPolicy
  readonly isBest: boolean
}

/** Fewer late requests than this are drawn as none: percent. */
const NONE_PERCENT = 0.001

/** All rows by instance-hours and late requests, the latter on a scale of powers of ten. */
export function frontChart(
  points: readonly FrontPoint[],
  marks: readonly { readonly words: string; readonly hours: number }[],
): Html {
  const hours = [...points.map((p) => p.row.instance_hours), ...marks.map((m) => m.hours)]
  const least = hours.reduce((a, b) => Math.min(a, b), hours[0] ?? 0)
  const most = largest(hours)
  const left = (value: number) =>
    most === least ? 50 : round((100 * (value - least)) / (most - least))
  const worst = Math.max(1, ...points.map((p) => p.row.slo_violation_percent))
  const bottom = (late: number) =>
    round((100 * Math.log10(Math.max(late, NONE_PERCENT) / NONE_PERCENT)) / decades(worst))
  const dots = points.toReversed().map(({ number, row, isBest }) => {
    const ours = row.name.startsWith('plimsoll') ? ' ours' : ''
    const place = `left:${left(row.instance_hours)}%;bottom:${bottom(row.slo_violation_percent)}%`
    const words = `${row.name} ${row.variant}: ${figure(row.slo_violation_percent)} % late, ${figure(row.instance_hours)} h`
    return html`<span class="dot${ours}${isBest ? ' best' : ''}" style="${place}" title="${words}"
role="img" aria-label="${words}">${number}</span>`
  })
  const lines = marks.map(({ words, hours: at }, i) => {
    // One below the other: bound and oracle may be close.
    const place = `left:${left(at)}%;padding-top:${i + 1}.2rem`
    return html`<span class="mark" style="${place}">${words}</span>`
  })
  return html`<figure><div class="plot front">
<span class="ceiling">${figure(worst)} % late</span>${lines}${dots}</div>
<div class="ends"><span>${figure(least)} h</span><span>none late at the bottom; each tenth of the
height is ${figure(10 ** (decades(worst) / 10))} times as many</span><span>${figure(most)}
h</span></div></figure>
`
}

function decades(worst: number): number {
  return Math.log10(worst / NONE_PERCENT)
}
