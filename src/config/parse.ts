// plimsoll.yaml, or a bare command, as a specification; or everything that is wrong with it at
// once.
import type { Spec } from '../core/model.ts'
import { buildSpec } from './build.ts'
import { readDocument, type Source } from './document.ts'
import { address } from './fields.ts'
import { examine } from './findings.ts'
import { type Problem, problemOf, problemOfSyntax } from './problems.ts'
import { checkRules } from './rules/check.ts'
import { fileSchema } from './schema.ts'

/** What a file says: the specification, and where the API listens. */
export interface Config {
  readonly spec: Spec
  readonly api: { readonly host: string; readonly port: number }
}

/** A configuration, or every problem, in the order of the lines. */
export type ParseResult =
  | { readonly ok: true; readonly config: Config }
  | { readonly ok: false; readonly problems: readonly Problem[] }

/** Where a configuration comes from. */
export interface Origin {
  /** Absolute path of the folder that relative paths start from. */
  readonly dir: string
  /** Name of the file, for whoever prints the problems. */
  readonly file?: string
}

const MOST_PROBLEMS = 100

/** Parses the text of a plimsoll.yaml. Never throws; reports at most 100 problems. */
export function parseConfig(text: string, { dir }: Origin): ParseResult {
  const { source, problems } = readDocument(text)
  const syntax = problems.map(problemOfSyntax)
  if (source === undefined) return failed(syntax)
  return parseValue(source.value, dir, { source, syntax })
}

/**
 * The configuration of `plimsoll up -- COMMAND`: one group `web` with every default.
 * `listen` is a port or `host:port`, as in the file.
 */
export function specFromCommand(
  command: readonly string[],
  { dir, listen }: Origin & { readonly listen?: string },
): ParseResult {
  const where = listen !== undefined && /^\d+$/.test(listen) ? Number(listen) : listen
  const http = where === undefined ? {} : { listen: where }
  return parseValue({ groups: { web: { run: { command: [...command] }, http } } }, dir)
}

function parseValue(
  value: unknown,
  dir: string,
  from: { readonly source?: Source; readonly syntax: readonly Problem[] } = { syntax: [] },
): ParseResult {
  const examined = examine(value)
  const findings = [...examined.findings, ...checkRules(examined, value)]
  const worded = findings.map((finding) => problemOf(finding, value, from.source))
  if (from.syntax.length + worded.length > 0) return failed([...from.syntax, ...worded])
  const file = fileSchema.parse(value)
  return { ok: true, config: { spec: buildSpec(file, dir), api: address(file.api.listen) } }
}

function failed(problems: readonly Problem[]): ParseResult {
  const seen = new Set<string>()
  const distinct = problems.filter(({ line, column, path, message }) => {
    const key = JSON.stringify([line, column, path, message])
    return !seen.has(key) && seen.add(key)
  })
  const sorted = distinct.sort((a, b) => a.line - b.line || a.column - b.column)
  return { ok: false, problems: sorted.slice(0, MOST_PROBLEMS) }
}
