// The list of generated files: a new reference page is one more line here.
import { configPage, schemaJson } from '../../src/config/reference.ts'
import { errorsPage } from './errors-page.ts'

/** A file of docs/reference, and where its text comes from. */
export interface Page {
  readonly name: string
  readonly text: () => string | Promise<string>
}

/** Every generated file, by name. */
export const PAGES: readonly Page[] = [
  { name: 'config.md', text: configPage },
  { name: 'errors.md', text: errorsPage },
  { name: 'plimsoll.schema.json', text: schemaJson },
]
