// Traffic from CSV text with the columns `t_seconds`, `cpu_percent` and `instances`: how busy the
// instances were, turned into what was wanted of them.
import { fault } from '../../core/errors.ts'
import type { Fault } from '../../core/model.ts'
import { evenly, rateFault, type Traffic } from './csv.ts'
import { demandOf, type RateSample } from './samples.ts'

const COLUMNS = ['t_seconds', 'cpu_percent', 'instances'] as const
/** More instances, or a higher utilisation, are a mistake of units. */
const MOST = 1e6

/** Whether a CSV's first line names the columns of recorded utilisation. */
export function isUtilisation(header: string): boolean {
  const names = namesIn(header)
  return COLUMNS.every((column) => names.includes(column))
}

function namesIn(header: string): readonly string[] {
  return header
    .replace('\uFEFF', '')
    .split(',')
    .map((cell) => cell.trim().replaceAll('"', '').toLowerCase())
}

/**
 * Reads such a CSV; each instance serves `capacityRps` at 100 percent. Faults: E_TRAFFIC_EMPTY,
 * E_TRAFFIC_INVALID, E_TRAFFIC_SHORT.
 */
export function parseUtilisation(text: string, name: string, capacityRps: number): Traffic | Fault {
  const [header = '', ...lines] = text.split('\n')
  const names = namesIn(header)
  const places = COLUMNS.map((column) => names.indexOf(column))
  const utilisation: RateSample[] = []
  const instances: RateSample[] = []
  for (const [index, line] of lines.entries()) {
    if (line.trim() === '') continue
    const cells = line.split(',').map((cell) => cell.trim())
    const [atS = Number.NaN, percent = Number.NaN, count = Number.NaN] = places.map((place) =>
      cells[place] ? Number(cells[place]) : Number.NaN,
    )
    const wrong = wrongIn([atS, percent, count]) ?? rateFault((percent / 100) * count * capacityRps)
    if (wrong !== undefined) {
      return fault('E_TRAFFIC_INVALID', `${name}, line ${index + 2}: ${wrong}`)
    }
    utilisation.push({ atS, value: percent })
    instances.push({ atS, value: count })
  }
  const demand = demandOf(utilisation, instances, capacityRps)
  const rows = demand.samples.map(({ atS, value }) => ({ atS, rps: value }))
  const traffic = evenly(rows, name)
  return 'code' in traffic ? traffic : { ...traffic, notes: [...demand.notes, ...traffic.notes] }
}

function wrongIn(values: readonly number[]): string | undefined {
  const index = values.findIndex((value) => !Number.isFinite(value))
  if (index >= 0) return `${COLUMNS[index]} is not a number`
  const [, percent = 0, count = 0] = values
  if (percent < 0 || percent > MOST) return `cpu_percent ${percent} is not between 0 and ${MOST}`
  if (count < 0 || count > MOST) return `instances ${count} is not between 0 and ${MOST}`
  return undefined
}
