// The certificates of groups: the newest valid pair of each, and what is to be told of them.
import { fault } from '../../core/errors.ts'
import type { Fault } from '../../core/model.ts'
import type { BalancerGroup } from '../../core/ports.ts'
import { keepPair, readPair } from './certificate.ts'
import type { GroupState } from './state.ts'

/** So long before its end a certificate is spoken of. */
const WARN_MS = 7 * 24 * 3_600_000

/**
 * The group's state with the pair that its files hold now; where they hold none, the one in force
 * stays. Fault: E_TLS where there is none at all.
 */
export function withPair(prefix: string, state: GroupState): GroupState | Fault {
  const { certificate, ...rest } = state
  const { tls, group } = state.group
  if (tls === undefined) return rest
  const pair = readPair(tls)
  if (typeof pair !== 'string') {
    keepPair(prefix, pair)
    return { ...rest, certificate: pair.id }
  }
  return certificate === undefined ? fault('E_TLS', `group ${group}: ${pair}`) : state
}

/** The pair that a group's files hold now, where it is valid. */
export function pairOf({ tls }: BalancerGroup): string | undefined {
  const pair = tls && readPair(tls)
  return pair === undefined || typeof pair === 'string' ? undefined : pair.id
}

/** What people should know of the groups' certificates. */
export function pairNotices(states: readonly GroupState[], nowMs: number): readonly string[] {
  return states.flatMap(({ group: { group, tls } }) => {
    if (tls === undefined) return []
    const pair = readPair(tls)
    if (typeof pair === 'string') return [`${group}: ${pair}; the certificate in force stays`]
    const { expiresAtMs } = pair
    if (expiresAtMs - nowMs > WARN_MS) return []
    const verb = expiresAtMs < nowMs ? 'expired' : 'expires'
    return [`${group}: the certificate ${tls.certificate} ${verb} on ${day(expiresAtMs)}`]
  })
}

function day(ms: number): string {
  return new Date(ms).toISOString().slice(0, 10)
}
