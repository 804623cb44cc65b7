// What the verbs say of the balancer: which one and why, and the limits that come with it.
import { balancerHere } from '../compose.ts'
import { formatSize } from '../config/units.ts'
import { type ErrorCode, PlimsollError } from '../core/errors.ts'
import type { Spec } from '../core/model.ts'
import { balancerName } from '../core/via.ts'
import type { BalancerView } from '../engine/view.ts'

/** The balancer that `up` would choose, null where nothing is served. Throws what `up` would. */
export function expectedBalancer(spec: Spec): BalancerView | null {
  const choice = balancerHere(spec)
  if (!choice.ok) throw new PlimsollError(choice.fault.code as ErrorCode, choice.fault.message)
  if (choice.value === null) return null
  const { balancer, why } = choice.value
  return { name: balancerName(balancer), why, notices: [] }
}

/** One line for the balancer, and one for each limit and notice; none where nothing is served. */
export function balancerLines(view: BalancerView | null, spec: Spec): readonly string[] {
  if (view === null) return []
  return [`balancer: ${view.name} (${view.why})`, ...limits(view, spec), ...view.notices]
}

// What NGINX refuses by itself, said before somebody meets it.
function limits({ name }: BalancerView, spec: Spec): readonly string[] {
  if (!name.startsWith('nginx')) return []
  const own = name === 'nginx' ? '' : '; the installation may have a lower limit of its own'
  return spec.groups.flatMap((group) => {
    if (group.http === undefined) return []
    const size = formatSize(group.http.maxBodyBytes)
    return `${group.name}: bodies over ${size} are answered 413 (http.max_body, NGINX's client_max_body_size${own})`
  })
}
