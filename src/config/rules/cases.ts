// What the rules of the file look at, and what they answer.
import type { httpOf, scalingOf } from '../build.ts'
import type { Path } from '../document.ts'
import type { Finding } from '../findings.ts'
import type { File, FileGroup } from '../schema.ts'

/** A group with all that the rules look at. */
export interface GroupCase {
  readonly name: string
  readonly group: FileGroup
  readonly path: Path
  readonly scaling: ReturnType<typeof scalingOf>
  /** Absent for workers. */
  readonly http: ReturnType<typeof httpOf>
}

/** The file with its groups, and the names that stood in the text even where the rest was wrong. */
export interface FileCase {
  readonly file: File
  readonly groups: readonly GroupCase[]
  readonly resourceNames: readonly string[]
}

type RuleFinding = Extract<Finding, { kind: 'rule' }>

/** What a rule returns: a finding, and the paths that it had read. */
export interface Verdict extends Omit<RuleFinding, 'kind'> {
  readonly uses?: readonly Path[]
}
