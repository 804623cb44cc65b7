// Which balancer carries an application, and why: one line that every start says.
import type { Checked } from './commands.ts'
import { fault } from './errors.ts'
import type { BalancerKind, Fault, HttpSpec, Spec, Via } from './model.ts'

/** A balancer, and the reason in a few words. */
export interface BalancerChoice {
  readonly balancer: BalancerKind
  readonly why: string
}

/** What there is on the machine. */
export interface BalancerWorld {
  /** The path of NGINX; absent where it is not installed. */
  readonly nginx?: string
  /** What carries the application already. */
  readonly running?: BalancerKind
}

/** The balancer's name for people and programs. */
export function balancerName(balancer: BalancerKind): string {
  return balancer.kind === 'attach' ? `nginx attached at ${balancer.dir}` : balancer.kind
}

/**
 * The balancer of an application. One that runs stays where the file allows it. Fault:
 * E_VIA_CHANGED where the file asks for another one than runs.
 */
export function chooseBalancer(spec: Spec, world: BalancerWorld): Checked<BalancerChoice> {
  const { running } = world
  const wanted = asked(spec)
  if (running === undefined) return { ok: true, value: wanted ?? installed(world) }
  if (wanted === undefined)
    return { ok: true, value: { balancer: running, why: 'it runs already' } }
  if (isSame(wanted.balancer, running)) return { ok: true, value: wanted }
  return { ok: false, fault: changed(running, wanted) }
}

function installed({ nginx }: BalancerWorld): BalancerChoice {
  return nginx === undefined
    ? { balancer: { kind: 'builtin' }, why: 'NGINX is not installed' }
    : { balancer: { kind: 'nginx' }, why: `${nginx} is installed` }
}

// Undefined where the file leaves it open.
function asked(spec: Spec): BalancerChoice | undefined {
  const served = spec.groups.flatMap(({ name, http }) => (http ? [{ name, http }] : []))
  const via = served.map(({ http }) => viaOf(http)).find(({ kind }) => kind !== 'auto')
  if (via !== undefined && via.kind !== 'auto') {
    return { balancer: via, why: `the file says ${words(via)}` }
  }
  for (const { name, http } of served) {
    const need = (['hostnames', 'tls', 'members'] as const).find((key) => http[key] !== undefined)
    if (need) return { balancer: { kind: 'nginx' }, why: `${need} of group ${name} needs NGINX` }
  }
  return undefined
}

// What an earlier version stored does not say it.
function viaOf(http: HttpSpec): Via {
  return (http.via as Via | undefined) ?? { kind: 'auto' }
}

function words(balancer: BalancerKind): string {
  if (balancer.kind !== 'attach') return `via: ${balancer.kind}`
  return `via: { nginx: { attach: ${balancer.dir} } }`
}

function isSame(a: BalancerKind, b: BalancerKind): boolean {
  return balancerName(a) === balancerName(b)
}

function changed(running: BalancerKind, wanted: BalancerChoice): Fault {
  const message = `${balancerName(running)} carries the application, and ${wanted.why}`
  return fault('E_VIA_CHANGED', message)
}
