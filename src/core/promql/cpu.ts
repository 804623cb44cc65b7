// The CPU of a group out of Prometheus: the first exporter that has series with its labels.
import { matchers } from './fill.ts'

/** What the query gives where no known exporter has series with the labels. */
export const NO_CPU = -1

/**
 * PromQL for the busy CPU of all that carries the labels, in percent of one core; of machines in
 * percent of a machine. `NO_CPU` where there are no such series, which is no outage.
 */
export function cpuQuery(labels: Readonly<Record<string, string>>): string {
  const own = matchers(labels)
  const at = (more: string) => [own, more].filter((part) => part !== '').join(',')
  // cAdvisor counts a container again in each group of processes above it; those have no image.
  const container = busy(`container_cpu_usage_seconds_total{${at('image!=""')}}`)
  const machine = `sum(1 - avg by (instance) (${pace(`node_cpu_seconds_total{${at('mode="idle"')}}`)}))`
  const process = busy(`process_cpu_seconds_total{${at('')}}`)
  // Exporters export the CPU of their own process too, so that processes come last.
  const found = [container, machine, process].map((part) => `100 * ${part}`)
  return [...found, `vector(${NO_CPU})`].join(' or ')
}

function busy(selector: string): string {
  return `sum(${pace(selector)})`
}

// The last two samples, whatever the scrape interval; without series that have ended since.
function pace(selector: string): string {
  return `(irate(${selector}[5m]) and ${selector})`
}
