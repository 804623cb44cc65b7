// Where a Prometheus is and how it is asked: `$NAME` read from the environment, once.
import { readFileSync } from 'node:fs'
import { Agent as HttpAgent } from 'node:http'
import { Agent as HttpsAgent } from 'node:https'
import { fault } from '../../core/errors.ts'
import type { Fault, MetricsSpec } from '../../core/model.ts'

/** A Prometheus that can be asked. Holds secrets; only `shown` may be told. */
export interface Place {
  /** Ends with a slash. */
  readonly url: URL
  readonly headers: Readonly<Record<string, string>>
  readonly agent: HttpAgent
  /** The address without anything secret. */
  readonly shown: string
}

/** Requests to one Prometheus at once; more wait for each other. */
const MOST_AT_ONCE = 8
const REFERENCE = /^\$([A-Za-z_][A-Za-z0-9_]*)$/

/** Reads what the specification refers to. Faults: E_ENV_MISSING, E_METRICS. */
export function placeOf(from: MetricsSpec, environment: NodeJS.ProcessEnv): Place | Fault {
  const missing: string[] = []
  const read = (text: string): string => {
    const name = REFERENCE.exec(text)?.[1]
    if (name === undefined) return text
    const found = environment[name]
    if (found === undefined || found === '') missing.push(text)
    return found ?? ''
  }
  const address = read(from.prometheus)
  const headers = headersOf(from, read)
  if (missing.length > 0) {
    const message = `metrics.prometheus reads ${missing.join(', ')}, which is not set`
    return fault('E_ENV_MISSING', message)
  }
  const broken = Object.entries(headers).find(
    ([, value]) => !/^[\t\x20-\x7e\x80-\xff]*$/.test(value),
  )
  if (broken !== undefined) {
    return fault('E_METRICS', `metrics.prometheus: the header ${broken[0]} can't be sent`)
  }
  return placeAt(address, headers, from)
}

function headersOf(from: MetricsSpec, read: (text: string) => string): Record<string, string> {
  const { bearer, basic, headers } = from
  const own = Object.entries(headers).map(([name, value]) => [name.toLowerCase(), read(value)])
  const pair = basic && `${basic.user}:${read(basic.password)}`
  return {
    accept: 'application/json',
    ...Object.fromEntries(own),
    ...(bearer === undefined ? {} : { authorization: `Bearer ${read(bearer)}` }),
    ...(pair === undefined ? {} : { authorization: basicOf(pair) }),
  }
}

function basicOf(pair: string): string {
  return `Basic ${Buffer.from(pair).toString('base64')}`
}

function placeAt(
  address: string,
  headers: Record<string, string>,
  from: MetricsSpec,
): Place | Fault {
  const url = URL.canParse(address) ? new URL(address) : undefined
  if (url === undefined || !/^https?:$/.test(url.protocol)) {
    // The value may be a secret: it is not quoted.
    return fault('E_METRICS', `metrics.prometheus: ${from.prometheus} is no http or https URL`)
  }
  const { username, password } = url
  const own = username !== '' || password !== '' ? `${decoded(username)}:${decoded(password)}` : ''
  const authorized = own === '' ? headers : { authorization: basicOf(own), ...headers }
  const shown = `${url.origin}${url.pathname}`.replace(/\/$/, '')
  url.username = ''
  url.password = ''
  url.search = ''
  url.hash = ''
  if (!url.pathname.endsWith('/')) url.pathname += '/'
  const agent = agentFor(url, from)
  if ('code' in agent) return agent
  return { url, headers: authorized, agent, shown }
}

// A per cent sign that begins no escape stands for itself.
function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    // Not encoded at all, then.
    return text
  }
}

function agentFor(url: URL, { ca, verify }: MetricsSpec): HttpAgent | Fault {
  const options = { keepAlive: true, maxSockets: MOST_AT_ONCE, timeout: 60_000 }
  if (url.protocol === 'http:') return new HttpAgent(options)
  try {
    const trusted = ca === undefined ? {} : { ca: readFileSync(ca) }
    return new HttpsAgent({ ...options, ...trusted, rejectUnauthorized: verify })
  } catch (error) {
    return fault('E_METRICS', `metrics.prometheus.ca can't be read: ${(error as Error).message}`)
  }
}
