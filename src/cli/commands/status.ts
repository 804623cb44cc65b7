// `plimsoll status`: every group, its instances and readings.
import type { Command } from 'commander'
import type {
  BalancerView,
  GroupView,
  InstanceView,
  ReadingView,
  StatusView,
} from '../../engine/view.ts'
import { call } from '../client.ts'
import { table } from '../output.ts'
import { stateDirOf } from '../place.ts'
import { type CommonOptions, DONE, run, withPlace } from '../verb.ts'

/** Adds `status`. Reports E_NOT_RUNNING. */
export function addStatus(program: Command): void {
  withPlace(program.command('status').description('show groups, instances and readings')).action(
    (options: CommonOptions) =>
      run(options, async (output) => {
        const status = await call<StatusView>(stateDirOf(options), 'GET', '/status')
        output.document(status)
        output.say(statusText(status))
        return DONE
      }),
  )
}

/** The status as text. */
export function statusText(status: StatusView): string {
  const store = status.store.writable
    ? `store ok, ${status.store.missing_ticks} ticks missing`
    : `STORE CAN'T BE WRITTEN (${status.store.reason}), ${status.store.missing_ticks} ticks missing`
  const host = `host CPU ${number(status.host_cpu_percent, ' %')}`
  const head = `${status.app}: tick ${status.tick ?? '-'}, ${host}, ${store}`
  const error = status.turn_error === undefined ? [] : [`a turn failed: ${status.turn_error}`]
  return [head, ...error, ...balancerText(status.balancer), ...status.groups.map(groupText)].join(
    '\n',
  )
}

function balancerText(balancer: BalancerView | null): readonly string[] {
  if (balancer === null) return []
  const down = balancer.down === undefined ? [] : [`balancer is down: ${balancer.down}`]
  return [`balancer: ${balancer.name} (${balancer.why})`, ...down, ...balancer.notices]
}

function groupText(group: GroupView): string {
  const r = group.readings
  const lines = [
    '',
    `${group.group}: ${group.ready} of ${group.desired} ready (${group.min_instances} to ${group.max_instances}), mode ${group.mode}${group.listen ? `, on ${group.listen}` : ''}`,
    `  ${number(r.rps, ' requests/s')}, ${number(r.in_flight, ' in flight')}, p99 ${number(r.p99_ms, ' ms')}, CPU ${number(r.cpu_percent, ' % of a core')}`,
    ...(group.decision === null ? [] : [`  ${group.decision}`]),
    ...(group.manual === null
      ? []
      : [`  set to ${group.manual.instances} by ${group.manual.by} until ${group.manual.until}`]),
    ...(group.hold === null ? [] : [`  held by ${group.hold.by} until ${group.hold.until}`]),
    ...(group.failures === null
      ? []
      : [`  failed ${group.failures.count} times: ${group.failures.reason}`]),
    ...(group.rollout === 'none' ? [] : [`  restart: ${group.rollout}`]),
  ]
  const rows = [
    ['instance', 'phase', 'health', 'in flight', 'CPU %', 'memory', 'pid', 'address'],
    ...group.instances.map(row),
  ]
  return [...lines, indent(table(rows))].join('\n')
}

function row(i: InstanceView): string[] {
  const memory =
    i.memory_bytes.value === null ? '-' : `${Math.round(i.memory_bytes.value / 1e6)} MB`
  const note = i.detail === undefined ? '' : ` (${i.detail})`
  return [
    i.id,
    i.phase,
    i.health,
    `${i.in_flight ?? '-'}`,
    number(i.cpu_percent, ''),
    memory,
    `${i.pid ?? '-'}`,
    i.address + note,
  ]
}

function number(reading: ReadingView | undefined, unit: string): string {
  if (reading === undefined || reading.value === null) return '-'
  return `${Math.round(reading.value * 10) / 10}${unit}`
}

function indent(text: string): string {
  return text
    .split('\n')
    .map((l) => `  ${l}`)
    .join('\n')
}
