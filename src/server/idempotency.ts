// Idempotency-Key: the same request sent twice is carried out once, and answered twice alike.

/** Answers that are kept, and for how long. */
const MOST_KEYS = 1_000
const KEPT_MS = 24 * 3_600_000

/** A response as it will be repeated: HTTP status and JSON body. */
export interface Answer {
  readonly status: number
  readonly body: unknown
}

interface Entry {
  readonly request: string
  readonly atMs: number
  readonly answer: Promise<Answer>
}

/** Answers by key, oldest dropped first. */
export class Idempotency {
  readonly #entries = new Map<string, Entry>()

  /**
   * Runs `handle` unless the key was seen with the same request; undefined when it was seen with
   * another one.
   */
  once(
    key: string,
    request: string,
    nowMs: number,
    handle: () => Promise<Answer>,
  ): Promise<Answer> | undefined {
    const known = this.#entries.get(key)
    if (known !== undefined && nowMs - known.atMs < KEPT_MS) {
      return known.request === request ? known.answer : undefined
    }
    const answer = handle()
    this.#entries.set(key, { request, atMs: nowMs, answer })
    // What failed may be tried again with the same key.
    answer.then(
      (a) => a.status >= 500 && this.#entries.delete(key),
      () => this.#entries.delete(key),
    )
    for (const oldest of this.#entries.keys()) {
      if (this.#entries.size <= MOST_KEYS) break
      this.#entries.delete(oldest)
    }
    return answer
  }
}
