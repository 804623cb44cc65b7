// Progress on standard error: a bar that is drawn over on a terminal, else a line for each turn.

/** Shorter work says nothing, in milliseconds. */
const SILENT_MS = 2_000
/** A bar is drawn at most this often, in milliseconds. */
const REDRAW_MS = 100
const WIDTH = 30

/** Where progress is shown. */
export interface ProgressStream {
  readonly isTTY?: boolean
  readonly columns?: number
  write(text: string): unknown
}

/** Progress of one long piece of work. */
export interface Progress {
  /** So much is done, 0 to 1, and `whose` turn it is. */
  at(share: number, whose: string): void
  /** Takes the bar away. */
  end(): void
}

/** Progress on a stream; `nowMs` is any clock that only goes forward. */
export function createProgress(stream: ProgressStream, nowMs: () => number): Progress {
  const startedMs = nowMs()
  let drawnMs = startedMs
  let length = 0
  let before: string | undefined
  const lines = (share: number, whose: string): void => {
    if (before === whose) return
    const isFirst = before === undefined
    before = whose
    if (!isFirst) stream.write(`${percent(share)} done; now ${whose}\n`)
  }
  const bar = (share: number, whose: string): void => {
    if (nowMs() - drawnMs < REDRAW_MS) return
    drawnMs = nowMs()
    const full = Math.round(share * WIDTH)
    const text = `[${'#'.repeat(full)}${'-'.repeat(WIDTH - full)}] ${percent(share)} ${whose}`
    const line = text.slice(0, Math.max(1, (stream.columns ?? 80) - 1))
    stream.write(`\r${line.padEnd(length)}`)
    length = line.length
  }
  const show = stream.isTTY === true ? bar : lines
  return {
    at: (share, whose) => {
      if (nowMs() - startedMs >= SILENT_MS) show(share, whose)
      else before = whose
    },
    end: () => {
      if (length > 0) stream.write(`\r${' '.repeat(length)}\r`)
      length = 0
    },
  }
}

function percent(share: number): string {
  return `${Math.floor(share * 100)} %`.padStart(5)
}
