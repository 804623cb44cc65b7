// Holds a value against the schema: every finding at once, and what is left when the wrong parts
// are gone.
import type * as z from 'zod'
import { type Path, valueAt } from './document.ts'
import { type File, fileSchema } from './schema.ts'

/** Something wrong at a path, not yet in words. */
export type Finding =
  | { readonly kind: 'value'; readonly path: Path; readonly expected: string }
  | { readonly kind: 'unknown'; readonly path: Path; readonly key: string }
  | {
      readonly kind: 'rule'
      readonly path: Path
      readonly expected: string
      readonly message: string
      readonly nearest?: string
      /** The key at the end of the path is wrong, not its value. */
      readonly atKey?: boolean
    }

/** The outcome of holding a value against the schema. */
export interface Examined {
  readonly findings: readonly Finding[]
  /** The file without its wrong parts; absent when too little is left. */
  readonly file?: File
  /** Paths that were taken out; a rule that reads one of them has nothing to say. */
  readonly removed: readonly Path[]
}

const ROUNDS = 20

/** Finds everything that the schema refuses. Never throws. */
export function examine(value: unknown): Examined {
  const first = fileSchema.safeParse(value)
  if (first.success) return { findings: [], file: first.data, removed: [] }
  const findings = findingsOf(first.error.issues)
  const removed: Path[] = []
  let left: unknown = JSON.parse(JSON.stringify(value ?? null))
  let issues = findings
  for (let round = 0; round < ROUNDS; round++) {
    const absent = issues.filter((finding) => !isPresent(left, finding.path))
    const filled = absent.map((finding) => finding.path).filter((path) => fill(left, path))
    const paths = issues
      .filter((finding) => !filled.includes(finding.path))
      .map((finding) => removable(finding, left))
    if (paths.some((path) => path.length === 0)) break
    removed.push(...paths, ...filled)
    left = without(left, paths)
    const next = fileSchema.safeParse(left)
    if (next.success) return { findings, file: next.data, removed }
    issues = findingsOf(next.error.issues)
  }
  return { findings, removed }
}

function findingsOf(issues: readonly z.core.$ZodIssue[], prefix: Path = []): readonly Finding[] {
  return issues.flatMap((issue) => {
    const path = [...prefix, ...issue.path.map((step) => (isIndex(step) ? step : String(step)))]
    if (issue.code === 'unrecognized_keys')
      return issue.keys.map((key): Finding => ({ kind: 'unknown', path, key }))
    const branch = issue.code === 'invalid_union' ? meantBranch(issue.errors) : undefined
    if (branch !== undefined) return findingsOf(branch, path)
    return [{ kind: 'value', path, expected: issue.message }]
  })
}

function isIndex(step: PropertyKey): step is number {
  return typeof step === 'number'
}

/**
 * Of the alternatives, the one whose kind of value was given: its findings say more than "none
 * fits".
 */
function meantBranch(
  branches: readonly (readonly z.core.$ZodIssue[])[],
): readonly z.core.$ZodIssue[] | undefined {
  const wrongKind = (issue: z.core.$ZodIssue) =>
    issue.path.length === 0 && (issue.code === 'invalid_type' || issue.code === 'invalid_value')
  return branches.find((issues) => issues.length > 0 && !issues.some(wrongKind))
}

/**
 * Puts something in place of a missing command, so that the rules still see the rest of its group.
 */
function fill(value: unknown, path: Path): boolean {
  const parent = valueAt(value, path.slice(0, -1))
  const key = path.at(-1)
  if (typeof parent !== 'object' || parent === null || path[0] !== 'groups') return false
  if (path.length === 3 && key === 'run') Object.assign(parent, { run: { command: ['-'] } })
  else if (path.length === 4 && key === 'command') Object.assign(parent, { command: ['-'] })
  else return false
  return true
}

/** What to take out for a finding: the value, or the map that lacks it. */
function removable(finding: Finding, value: unknown): Path {
  const path = finding.kind === 'unknown' ? [...finding.path, finding.key] : finding.path
  return isPresent(value, path) ? path : path.slice(0, -1)
}

function isPresent(value: unknown, path: Path): boolean {
  return valueAt(value, path) !== undefined
}

function without(value: unknown, paths: readonly Path[]): unknown {
  if (paths.some((path) => path.length === 0)) return undefined
  if (typeof value !== 'object' || value === null) return value
  const isGone = (step: string | number) =>
    paths.some((path) => path.length === 1 && path[0] === step)
  const below = (step: string | number) =>
    paths.filter((path) => path[0] === step).map((path) => path.slice(1))
  if (Array.isArray(value)) {
    const items: readonly unknown[] = value
    return items.flatMap((item, index) => (isGone(index) ? [] : [without(item, below(index))]))
  }
  const kept = Object.entries(value).filter(([key]) => !isGone(key))
  return Object.fromEntries(kept.map(([key, item]) => [key, without(item, below(key))]))
}
