// One call to Prometheus's HTTP API, bounded in time and size. What goes wrong is a reason.
import { type ClientRequest, request as httpRequest, type IncomingMessage } from 'node:http'
import { request as httpsRequest } from 'node:https'
import type { Cancel } from '../../core/ports.ts'
import { printable } from '../../core/words/printable.ts'
import type { Place } from './place.ts'

/** What is asked: an endpoint below `api/v1`, its parameters, and the bounds of the answer. */
export interface Question {
  readonly path: 'query' | 'query_range'
  readonly params: Readonly<Record<string, string>>
  readonly timeoutMs: number
  readonly mostBytes: number
}

/** The `data` of a good and whole answer, or why there is none. */
export type Answer =
  | { readonly kind: 'data'; readonly data: unknown }
  | {
      readonly kind: 'none'
      readonly reason: string
      /** The query itself was refused: asking again will not help. */
      readonly refused: boolean
    }

/** Longer requests are sent as a form: not everything in between takes long addresses. */
const LONGEST_URL = 2_000

/** Asks. Never rejects. */
export async function call(place: Place, question: Question, cancel: Cancel): Promise<Answer> {
  if (cancel.aborted) return none(tooLong(place))
  const over = new AbortController()
  const end = (reason: string) => over.abort(new Error(reason))
  const cancelled = () => end(tooLong(place))
  const seconds = question.timeoutMs / 1_000
  const late = () => end(`${place.shown} did not answer within ${seconds} s`)
  const timer = setTimeout(late, question.timeoutMs)
  cancel.addEventListener('abort', cancelled, { once: true })
  try {
    return await exchange(place, question, over.signal)
  } catch (error) {
    const { reason } = over.signal
    if (reason instanceof Error) return none(reason.message)
    return none(`${place.shown} can't be reached: ${wordsOf(error as Error)}`)
  } finally {
    clearTimeout(timer)
    cancel.removeEventListener('abort', cancelled)
  }
}

function tooLong({ shown }: Place): string {
  return `${shown} was asked for too long`
}

async function exchange(place: Place, question: Question, signal: AbortSignal): Promise<Answer> {
  const asked = send(place, question, signal)
  const response = await new Promise<IncomingMessage | undefined>((resolve, reject) => {
    asked.once('response', resolve)
    // The server may have closed a connection that was kept, just now: that says nothing of it.
    asked.on('error', (error) =>
      asked.reusedSocket && !signal.aborted ? resolve(undefined) : reject(error),
    )
  })
  if (response === undefined) return exchange(place, question, signal)
  const text = await collect(response, question.mostBytes)
  if (text !== undefined) return judged(response.statusCode ?? 0, text, place)
  return none(`${place.shown} answers more than ${question.mostBytes} bytes`)
}

function none(reason: string, refused = false): Answer {
  return { kind: 'none', reason, refused }
}

function send(place: Place, { path, params }: Question, signal: AbortSignal): ClientRequest {
  const url = new URL(`api/v1/${path}`, place.url)
  const form = new URLSearchParams(params).toString()
  const isLong = form.length > LONGEST_URL
  if (!isLong) url.search = form
  const ask = url.protocol === 'https:' ? httpsRequest : httpRequest
  const type = isLong ? { 'content-type': 'application/x-www-form-urlencoded' } : {}
  const asked = ask(url, {
    method: isLong ? 'POST' : 'GET',
    headers: { ...place.headers, ...type },
    agent: place.agent,
    signal,
  })
  asked.end(isLong ? form : undefined)
  return asked
}

// Undefined where there is more than may be.
async function collect(response: IncomingMessage, most: number): Promise<string | undefined> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of response as AsyncIterable<Buffer>) {
    size += chunk.length
    if (size > most) return undefined
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}

function wordsOf(error: Error): string {
  // Of several addresses each has an error of its own, and the whole has no message.
  const inner = error instanceof AggregateError ? (error.errors[0] as Error | undefined) : undefined
  return printable((inner ?? error).message, 200)
}

interface Envelope {
  readonly status?: unknown
  readonly data?: unknown
  readonly error?: unknown
  readonly warnings?: unknown
  /** VictoriaMetrics says so here. */
  readonly isPartial?: unknown
}

function judged(status: number, text: string, { shown }: Place): Answer {
  const body = parsed(text)
  const said = typeof body?.error === 'string' ? `: ${printable(body.error, 200)}` : ''
  if (status >= 300 && status < 400) {
    return none(`${shown} answers ${status} and points elsewhere, which is not followed`)
  }
  if (status === 400 || status === 422) {
    return none(`the query is refused${said || ` with ${status}`}`, said !== '')
  }
  if (status !== 200) return none(`${shown} answers ${status}${said}`)
  if (body === undefined) return none(`${shown} does not answer with JSON: is it a Prometheus?`)
  if (body.status !== 'success') return none(`${shown} answers an error${said}`)
  const partial = partialIn(body)
  return partial === undefined ? { kind: 'data', data: body.data } : none(partial)
}

function partialIn({ warnings, isPartial }: Envelope): string | undefined {
  if (isPartial === true) return 'the data is partial'
  const all = Array.isArray(warnings) ? warnings.map(String) : []
  // Remarks on the query's style were sent as warnings for a while.
  const [first] = all.filter((text) => !text.startsWith('PromQL info'))
  return first === undefined ? undefined : `the data is partial: ${printable(first, 200)}`
}

function parsed(text: string): Envelope | undefined {
  try {
    const body: unknown = JSON.parse(text)
    return typeof body === 'object' && body !== null ? body : undefined
  } catch {
    // Something else answers here: a login page, a proxy. The caller says so.
    return undefined
  }
}
