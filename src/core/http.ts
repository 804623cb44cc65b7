// The nouns of HTTP: how a group is reached, and what carries its requests.

/** Which instance is given the next request. */
export type BalanceMethod = 'round_robin' | 'least_connections'

/** The balancers that there are; `dir` is the absolute folder of the installation's `*.conf`. */
export type BalancerKind =
  | { readonly kind: 'builtin' }
  | { readonly kind: 'nginx' }
  | { readonly kind: 'attach'; readonly dir: string }

/** What is to carry the requests. `auto`: NGINX where it is installed, else the built-in one. */
export type Via = { readonly kind: 'auto' } | BalancerKind

/** How a group is reached over HTTP. */
export interface HttpSpec {
  readonly listen: { readonly host: string; readonly port: number }
  /** The same for all groups of an application: they share one balancer. */
  readonly via: Via
  /** Names in the Host header that it answers to, in small letters; absent: every name. */
  readonly hostnames?: readonly string[]
  /** PEM files by absolute path; absent: plain HTTP. */
  readonly tls?: TlsSpec
  /** Addresses served beside the instances, that nobody here starts or ends. */
  readonly members?: readonly { readonly host: string; readonly port: number }[]
  /** Path of the health check; without one, readiness is a TCP accept. */
  readonly health?: string
  readonly balance: BalanceMethod
  /** Requests one instance is given at once; more wait in the balancer. */
  readonly maxInFlight: number
  /** How long a request may wait for an instance before it is shed with 503, in milliseconds. */
  readonly queueTimeoutMs: number
  /** Largest request body, in bytes; larger ones get 413. */
  readonly maxBodyBytes: number
  /** How long an instance may keep silent on a request, in milliseconds. */
  readonly timeoutMs: number
  /** Keep the client's own `X-Forwarded-*` (only behind another proxy). */
  readonly trustForwarded: boolean
}

/** A certificate with what leads to its root, and its key: PEM files by absolute path. */
export interface TlsSpec {
  readonly certificate: string
  readonly key: string
}
