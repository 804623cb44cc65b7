// What a verb prints: text for people, or with --json one document and nothing else on standard
// output.

/** Where a verb prints to. */
export interface Output {
  readonly json: boolean
  /** Text for people; silent with --json. */
  say(text: string): void
  /** The one document of --json; silent without. */
  document(value: unknown): void
  /** Progress and warnings, always on standard error. */
  note(text: string): void
}

/** Output on the process's own streams. */
export function createOutput(json: boolean): Output {
  return {
    json,
    say: (text) => {
      if (!json) process.stdout.write(`${text}\n`)
    },
    document: (value) => {
      if (json) process.stdout.write(`${JSON.stringify(value, null, 2)}\n`)
    },
    note: (text) => {
      process.stderr.write(`${text}\n`)
    },
  }
}

/** Rows as columns of equal width, two spaces apart. */
export function table(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, i) => Math.max(...rows.map((r) => (r[i] ?? '').length)))
  return rows
    .map((r) =>
      r
        .map((cell, i) => cell.padEnd(widths[i] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n')
}
