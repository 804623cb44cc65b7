// The nouns of what is asked of a monitor.

/**
 * A Prometheus, or what speaks its HTTP API. Values that are `$NAME` are read where it is asked.
 */
export interface MetricsSpec {
  /** Without a user or a password; or a `$NAME`. */
  readonly prometheus: string
  /** A `$NAME`. */
  readonly bearer?: string
  /** The password is a `$NAME`. */
  readonly basic?: { readonly user: string; readonly password: string }
  readonly headers: Readonly<Record<string, string>>
  /** Absolute path of a PEM file with the authorities to trust instead of the system's. */
  readonly ca?: string
  /** Whether its certificate is verified. */
  readonly verify: boolean
  /** A reading whose newest sample is older is missing, in milliseconds. */
  readonly maxAgeMs: number
}
