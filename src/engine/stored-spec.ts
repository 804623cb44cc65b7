// A specification as it is stored: without the values of environment variables and headers, which
// may be secrets.
import { createHash } from 'node:crypto'
import type { GroupSpec, Spec } from '../core/model.ts'

/** References (`$NAME`) stay; other values become a digest, so that a change can still be seen. */
export function storable(spec: Spec): Spec {
  const { metrics } = spec
  const headers = Object.entries(metrics?.headers ?? {}).map(([name, v]) => [name, digest(v)])
  return {
    ...spec,
    groups: spec.groups.map(withoutValues),
    ...(metrics && { metrics: { ...metrics, headers: Object.fromEntries(headers) } }),
  }
}

function withoutValues(group: GroupSpec): GroupSpec {
  const entries = Object.entries(group.run.env).map(([name, value]) => [name, digest(value)])
  return { ...group, run: { ...group.run, env: Object.fromEntries(entries) } }
}

function digest(value: string): string {
  if (value.startsWith('$') || value.startsWith('sha256:')) return value
  return `sha256:${createHash('sha256').update(value).digest('hex').slice(0, 16)}`
}
