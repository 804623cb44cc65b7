// What a group can be sized by.

/** What a group is sized by: the value one instance should carry. */
export type SignalSpec = MeasuredSignal | QuerySignal

/** Measured by the balancer or the provider. */
export interface MeasuredSignal {
  readonly kind: SignalKind
  /** Per instance: requests in flight, requests per second, or percent of one core. */
  readonly target: number
}

/** What can be measured per instance: see SignalSpec for the units. */
export type SignalKind = 'in_flight' | 'rps' | 'cpu'

/** Asked of the monitor: a total over the group. */
export interface QuerySignal {
  readonly kind: 'query'
  /** Unique within the group. */
  readonly name: string
  /** PromQL with `$labels`, `$group` and `$app` not yet filled in. */
  readonly query: string
  /** How much of the total one instance should carry. */
  readonly target: number
}
