// The list of house rules, each with the name that STYLE.md calls it by.
import { noCycles, noDeadFiles, rooms } from './boundaries.ts'
import { fileNames, folderSize } from './name-rules.ts'
import { docstrings, functionSize, noAny, openingComment, pureCore } from './shape-rules.ts'
import type { Objection, Rule, SourceFile } from './source.ts'
import { bannedWords, changelog, fileWall, lineLength } from './text-rules.ts'

const RULES: readonly Rule[] = [
  fileWall,
  lineLength,
  bannedWords,
  changelog,
  fileNames,
  folderSize,
  functionSize,
  noAny,
  openingComment,
  docstrings,
  pureCore,
  rooms,
  noCycles,
  noDeadFiles,
]

/** Everything that any rule objects to, by path and line. */
export function objectionsTo(files: readonly SourceFile[]): readonly Objection[] {
  return RULES.flatMap((rule) => rule(files)).sort(
    (a, b) => a.path.localeCompare(b.path) || a.line - b.line,
  )
}

/** An objection as a line that editors can follow. */
export function objectionLine({ path, line, rule, message }: Objection): string {
  return `${path}${line === 0 ? '' : `:${line}`}: ${message} (${rule})`
}
