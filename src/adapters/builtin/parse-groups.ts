// Reads a balancer configuration that came from a file or over the control socket.
import type { BalancerGroup, BalancerTarget } from '../../core/ports.ts'

/** The groups, or a sentence that says what is wrong with them. */
export function parseGroups(value: unknown): readonly BalancerGroup[] | string {
  if (!Array.isArray(value)) return 'expected a list of groups'
  const names = new Set<string>()
  for (const group of value as unknown[]) {
    if (!isGroup(group)) return `not a group: ${JSON.stringify(group)?.slice(0, 200)}`
    if (names.has(group.group)) return `group ${group.group} is named twice`
    names.add(group.group)
    const instances = new Set(group.targets.map((target) => target.instance))
    if (instances.size < group.targets.length) return `group ${group.group} has a target twice`
  }
  return value as BalancerGroup[]
}

function isGroup(value: unknown): value is BalancerGroup {
  if (!isRecord(value) || !isAddress(value.listen)) return false
  const counts = ['maxInFlight', 'queueTimeoutMs', 'maxBodyBytes', 'timeoutMs']
  return (
    typeof value.group === 'string' &&
    (value.balance === 'round_robin' || value.balance === 'least_connections') &&
    (value.health === undefined || typeof value.health === 'string') &&
    typeof value.trustForwarded === 'boolean' &&
    counts.every((key) => typeof value[key] === 'number' && Number.isFinite(value[key])) &&
    Array.isArray(value.targets) &&
    value.targets.every(isTarget)
  )
}

function isTarget(value: unknown): value is BalancerTarget {
  if (!isRecord(value) || !isAddress(value)) return false
  if (value.socket !== undefined && typeof value.socket !== 'string') return false
  return (
    typeof value.instance === 'string' && (value.state === 'active' || value.state === 'draining')
  )
}

function isAddress(value: unknown): boolean {
  if (!isRecord(value) || typeof value.host !== 'string') return false
  const port = value.port
  return typeof port === 'number' && Number.isInteger(port) && port > 0 && port < 65_536
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null
}
